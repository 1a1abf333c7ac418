"""Document stores of which each has one fault that the contract must find."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import IO
from urllib.parse import quote, unquote

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore

Content = bytes | IO[bytes]

PIECE = 4 << 10
"""Bytes that are put at once."""


def whole(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read()


class KeepsAsText(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        await super().put(key, whole(content).decode("ascii", "replace").encode(), media_type)


class TakesEmptyForMissing(InMemoryDocumentStore):
    async def get(self, key: str) -> bytes | None:
        return await super().get(key) or None


class GivesAnotherFile(InMemoryDocumentStore):
    async def get(self, key: str) -> bytes | None:
        return await super().get(key) or next(iter(self._contents.values()), None)


class CutsEndings(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        await super().put(key.removesuffix(".html"), content, media_type)

    async def get(self, key: str) -> bytes | None:
        return await super().get(key.removesuffix(".html"))


class BeginsAtTheBeginning(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        if not isinstance(content, bytes):
            content.seek(0)
        await super().put(key, content, media_type)


class KeepsTheFirstPiece(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        await super().put(key, content if isinstance(content, bytes) else content.read(PIECE), media_type)


class Replaces(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        self._contents.pop(key, None)
        await super().put(key, content, media_type)


class ReplacesWhatIsSmaller(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        content = whole(content)
        if len(content) > PIECE:
            self._contents.pop(key, None)
        await super().put(key, content, media_type)


class LooksThenWrites(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        if key in self._contents:
            return
        content = whole(content)
        await asyncio.sleep(0)
        self._contents[key] = content


class KeepsHalves(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        if isinstance(content, bytes):
            await super().put(key, content, media_type)
            return
        self._contents.setdefault(key, b"")
        try:
            while piece := content.read(PIECE):
                self._contents[key] += piece
        except OSError as error:
            raise StoreUnavailable("the file is damaged") from error


class HidesThatItFailed(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        try:
            await super().put(key, content, media_type)
        except StoreUnavailable:
            return


class TakesAnyKey(InMemoryDocumentStore):
    async def put(self, key: str, content: Content, media_type: str) -> None:
        self._contents.setdefault(key, whole(content))


class LooksUnderAnyKey(InMemoryDocumentStore):
    async def get(self, key: str) -> bytes | None:
        return self._contents.get(key)


class DeletesNothing(InMemoryDocumentStore):
    async def delete(self, key: str) -> None:
        await self.get(key)


class DeletesTheFolder(InMemoryDocumentStore):
    async def delete(self, key: str) -> None:
        await super().delete(key)
        folder = key.rpartition("/")[0]
        self._contents = {each: content for each, content in self._contents.items() if not each.startswith(folder)}


class DeletesOnce(InMemoryDocumentStore):
    async def delete(self, key: str) -> None:
        if await self.get(key) is None:
            raise StoreUnusable("the document does not exist")
        await super().delete(key)


class DeletesUnderAnyKey(InMemoryDocumentStore):
    async def delete(self, key: str) -> None:
        self._contents.pop(key, None)


class KeepsTheNameOfWhatItDeleted(InMemoryDocumentStore):
    async def delete(self, key: str) -> None:
        if await super().get(key) is not None:
            self._contents[key] = b"deleted"

    async def get(self, key: str) -> bytes | None:
        found = await super().get(key)
        return None if found == b"deleted" else found


class LinksToAnyKey(InMemoryDocumentStore):
    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        return None


class StaysInItsLoop(InMemoryDocumentStore):
    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def put(self, key: str, content: Content, media_type: str) -> None:
        self._loop = self._loop or asyncio.get_running_loop()
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("attached to a different loop")
        await super().put(key, content, media_type)


class ClosesOnce(InMemoryDocumentStore):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise StoreUnusable("is closed")
        self.closed = True


class Links(InMemoryDocumentStore):
    """Links to a server of its own: sound, but for what derives from it."""

    address = ""

    def path(self, key: str) -> str:
        return key

    def disposition(self, file_name: str) -> str:
        return f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"

    def media_type(self) -> str:
        return "text/html"

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        await super().link(key, file_name, seconds)
        return f"{self.address}/{self.path(key)}?{quote(self.disposition(file_name), safe='')}"


class LinksToOneFile(Links):
    def path(self, key: str) -> str:
        return next(iter(self._contents))


class LinksToTheLastFile(Links):
    def path(self, key: str) -> str:
        return list(self._contents)[-1]


class ForgetsNames(Links):
    def disposition(self, file_name: str) -> str:
        return "attachment; filename*=UTF-8''file"


class ShowsWhatIsToBeSaved(Links):
    def disposition(self, file_name: str) -> str:
        return super().disposition(file_name).replace("attachment", "inline")


class ForgetsMediaTypes(Links):
    def media_type(self) -> str:
        return "application/octet-stream"


@contextmanager
def served(store: Links) -> Iterator[None]:
    """Answer the store's links."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, disposition = self.path[1:].partition("?")
            self.send_response(200)
            self.send_header("content-type", store.media_type())
            self.send_header("content-disposition", unquote(disposition))
            self.end_headers()
            self.wfile.write(store._contents[path])

        log_message: Callable[..., None] = lambda *_: None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        store.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
