"""What every document store must do, as a pytest class to derive from."""

import asyncio
import io
from collections.abc import Coroutine
from email.message import Message
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from orderkeep.application.ports import DocumentStore
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

KEY = "orders/web:7781/6b86b273ff34fce19d6b804eff5a3f57.html"
OTHER_KEY = "orders/web:7781/a.html"
EVERY_BYTE = bytes(range(256))
LARGE = EVERY_BYTE * (20 << 12)  # 20 MiB: more than a store sends at once

ALIKE = ("orders/1/a", "orders/1/a.html", "orders/1/a.html.html", "orders/11/a.html", "orders/1:1/a", "exports/1/a")
OUTSIDE = ("", "/etc/passwd", "orders/../../secret.html", "..", "orders/./a.html", "orders//a.html", "orders/a.html/")
UNSAFE = ("orders\\a.html", "orders/a\0.html", "orders/a\n.html", "orders/.hidden", "orders/%2e%2e/a.html")
FOREIGN = ("orders/é.html", "orders/a b?c.html", "o" * 256, "/".join(["orders"] * 200))


class BreaksOff(io.BytesIO):
    """A file that cannot be read to its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if not content or size in (None, -1):
            raise OSError(5, "this file is damaged")
        return content


class Overtaken(io.BytesIO):
    """A file whose first read runs something else to its end, in a thread with its own event loop."""

    def __init__(self, content: bytes, meanwhile: Coroutine[Any, Any, None]) -> None:
        super().__init__(content)
        self._meanwhile = Thread(target=asyncio.run, args=[meanwhile])

    def read(self, size: int | None = -1, /) -> bytes:
        if self._meanwhile.ident is None:
            self._meanwhile.start()
            self._meanwhile.join()
        return super().read(size)


class DocumentStoreContract:
    """Derive from it, and add a fixture `documents`: an empty store, opened for each test and closed after it."""

    pytestmark = pytest.mark.asyncio

    @pytest.mark.parametrize(
        "content", [b"", b"one", EVERY_BYTE, LARGE], ids=["nothing", "text", "every byte", "more than is sent at once"]
    )
    async def test_gives_what_was_put_and_nothing_else(self, documents: DocumentStore, content: bytes) -> None:
        assert await documents.get(KEY) is None
        await documents.put(KEY, content, "text/html")
        assert await documents.get(KEY) == content
        assert await documents.get(OTHER_KEY) is None

        file = io.BytesIO(b"not this, but " + content)
        file.seek(14)
        await documents.put(OTHER_KEY, file, "text/csv")
        assert await documents.get(OTHER_KEY) == content

    async def test_distinguishes_similar_keys(self, documents: DocumentStore) -> None:
        for key in ALIKE:
            await documents.put(key, key.encode(), "text/html")
        assert [await documents.get(key) for key in ALIKE] == [key.encode() for key in ALIKE]

    @pytest.mark.parametrize("later", [b"two", LARGE], ids=["small", "large"])
    async def test_never_changes_what_it_keeps(self, documents: DocumentStore, later: bytes) -> None:
        await documents.put(KEY, b"one", "text/html")
        await documents.put(KEY, io.BytesIO(later), "text/csv")
        assert await documents.get(KEY) == b"one"

    async def test_takes_one_of_many_at_once(self, documents: DocumentStore) -> None:
        contents = [f"writer {number}".encode() * 1_000 for number in range(20)]
        seen: set[bytes | None] = set()

        async def put(content: bytes) -> None:
            await documents.put(KEY, content, "text/html")
            seen.add(await documents.get(KEY))

        await asyncio.gather(*(put(content) for content in contents))
        assert len(seen) == 1, "the document changed"
        assert seen.pop() in contents

    async def test_first_of_two_concurrent_puts_wins(self, documents: DocumentStore) -> None:
        slower = Overtaken(b"slower", documents.put(KEY, b"faster", "text/html"))
        await documents.put(KEY, slower, "text/html")
        assert await documents.get(KEY) == b"faster"

    async def test_deletes_one_file_and_stores_it_again(self, documents: DocumentStore) -> None:
        await documents.delete(KEY)
        others = (OTHER_KEY, *ALIKE)
        for key in (KEY, *others):
            await documents.put(key, key.encode(), "text/html")
        await documents.delete(KEY)
        assert await documents.get(KEY) is None
        assert [await documents.get(key) for key in others] == [key.encode() for key in others]

        await documents.delete(KEY)
        await documents.put(KEY, b"again", "text/html")
        assert await documents.get(KEY) == b"again"

    @pytest.mark.parametrize("size", [3, len(LARGE)], ids=["at once", "late"])
    async def test_keeps_nothing_of_a_put_that_fails(self, documents: DocumentStore, size: int) -> None:
        with pytest.raises(StoreUnavailable):
            await documents.put(KEY, BreaksOff(bytes(size)), "text/csv")
        assert await documents.get(KEY) is None
        await documents.put(KEY, b"whole", "text/csv")
        assert await documents.get(KEY) == b"whole"

    @pytest.mark.parametrize("key", OUTSIDE + UNSAFE + FOREIGN)
    async def test_rejects_a_key_that_leads_elsewhere(self, documents: DocumentStore, key: str) -> None:
        with pytest.raises(StoreUnusable):
            await documents.put(key, b"one", "text/html")
        with pytest.raises(StoreUnusable):
            await documents.get(key)
        with pytest.raises(StoreUnusable):
            await documents.delete(key)
        with pytest.raises(StoreUnusable):
            await documents.link(key, "one.html", 60)

    async def test_links_to_the_file_by_its_name_if_it_links(self, documents: DocumentStore) -> None:
        other = "orders/web:7781/a.csv"
        await documents.put(KEY, "größer".encode(), "text/html")
        await documents.put(other, b"other", "text/csv")
        link = await documents.link(KEY, 'Größe "7".html', 60)
        if link is None:
            assert await documents.link(other, "other.csv", 60) is None
            return
        content, headers = await asyncio.to_thread(_read, link)
        assert (content, headers.get_content_type()) == ("größer".encode(), "text/html")
        said = str(headers["content-disposition"])
        assert said.startswith("attachment;")
        assert said.endswith("filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%227%22.html"), "RFC 6266 writes names so"
        assert link != await documents.link(other, 'Größe "7".html', 60)

    async def test_serves_another_event_loop(self, documents: DocumentStore) -> None:
        await documents.put(KEY, b"one", "text/html")

        async def elsewhere() -> bytes | None:
            await documents.put("orders/2/b.html", b"two", "text/html")
            return await documents.get(KEY)

        assert await asyncio.to_thread(asyncio.run, elsewhere()) == b"one"
        assert await documents.get("orders/2/b.html") == b"two"

    async def test_may_be_closed_twice(self, documents: DocumentStore) -> None:
        await documents.put(KEY, b"one", "text/html")
        await documents.close()
        await documents.close()


def _read(link: str) -> tuple[bytes, Message]:
    with urlopen(link, timeout=30) as answer:  # noqa: S310 - the store's own link
        return answer.read(), answer.headers
