"""The document store on S3."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from orderkeep.application.ports import DocumentStore
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.document_keys import checked

if TYPE_CHECKING:
    from obstore.store import S3Store

    from orderkeep.infrastructure.aws_places import Key
    from orderkeep.infrastructure.s3_documents.place import Keys, Place

PART = 8 << 20
"""A document of more bytes than this goes to S3 in parts, of which few are in memory at once."""

PARTS_AT_ONCE = 2
TRIES = 3


class S3DocumentStore(DocumentStore):
    """Keeps documents in a bucket that is there already, below a prefix. S3 is not asked, nor its client loaded, until
    the first document comes.
    """

    def __init__(
        self, bucket: str, prefix: str = "", *, region: str | None = None, endpoint: str | None = None
    ) -> None:
        self._prefix = prefix.strip("/")
        self._named = bucket, region, endpoint
        self._opened: tuple[Key | None, S3Store] | None = None
        self._found: tuple[Place, Keys] | None = None

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:
        path = self._path(key)
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        async with self._client() as client:
            beginning = await asyncio.to_thread(_beginning_of, file)
            if len(beginning) <= PART:
                await _create(client, path, beginning, media_type)
            elif not await _is_there(client, path):
                await _put_in_parts(
                    client, path, chain([beginning], iter(partial(file.read, 1 << 20), b"")), media_type
                )

    async def get(self, key: str) -> bytes | None:
        from orderkeep.infrastructure.s3_documents.errors import NO_SUCH_KEY, code_of

        path = self._path(key)
        async with self._client() as client:
            try:
                found = await client.get_async(path)
            except FileNotFoundError as error:
                if code_of(error) == NO_SUCH_KEY:
                    return None
                raise
            return bytes(await found.bytes_async())

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:
        from orderkeep.infrastructure.s3_documents.links import disposition, signed_link

        path = self._path(key)
        place, keys = self._place()
        found = await keys.current()
        if found is None:
            return None
        url = f"{place.endpoint}/{place.bucket}/{quote(path)}"
        answer = [("response-content-disposition", disposition(file_name))]
        return signed_link(url, place.region, found, seconds, datetime.now(UTC), answer)

    async def close(self) -> None:
        self._opened = self._found = None

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{checked(key)}".removeprefix("/")

    def _place(self) -> tuple[Place, Keys]:
        from orderkeep.infrastructure.s3_documents.place import Keys, Place

        if self._found is None:
            place = Place.of(*self._named)
            self._found = place, Keys(place)
        return self._found

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[S3Store]:
        place, keys = self._place()
        key = await keys.current()

        from obstore.exceptions import BaseError

        from orderkeep.infrastructure.s3_documents.errors import translated

        try:
            if self._opened is None or self._opened[0] != key:
                self._opened = key, place.open(key)
            yield self._opened[1]
        except (BaseError, FileNotFoundError) as error:
            raise translated(error) from error
        except OSError as error:
            raise StoreUnavailable(f"the document that is to be kept cannot be read: {error.strerror}") from error


def _beginning_of(file: IO[bytes]) -> bytes:
    """Return the whole file where it fits into one part, and else a little more than that."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) <= PART and (piece := file.read(PART + 1)):  # a read may return less than it could
        pieces.append(piece)
    return b"".join(pieces)


async def _create(client: S3Store, path: str, content: bytes, media_type: str) -> None:
    """Put it if nothing is there: S3 itself decides, so that of many at once one does it (`If-None-Match: *`)."""
    from obstore.exceptions import AlreadyExistsError

    from orderkeep.infrastructure.s3_documents.errors import CONFLICT, status_of

    for attempt in range(1, TRIES + 1):
        try:
            await client.put_async(
                path, content, mode="create", attributes={"Content-Type": media_type}, use_multipart=False
            )
        except AlreadyExistsError as error:
            # obstore says so too where S3 could not decide, and kept nothing.
            if status_of(error) != CONFLICT:
                return
            if attempt == TRIES:
                raise
            await asyncio.sleep(0.05 * attempt)
        else:
            return


async def _is_there(client: S3Store, path: str) -> bool:
    from obstore.exceptions import PermissionDeniedError

    try:
        await client.head_async(path)
    except (FileNotFoundError, PermissionDeniedError):  # S3 forbids this to those who may not list, where nothing is
        return False
    return True


async def _put_in_parts(client: S3Store, path: str, parts: Iterator[bytes], media_type: str) -> None:
    # Without If-None-Match, which obstore does not send with parts: two at once write the same content twice.
    await client.put_async(
        path,
        parts,
        attributes={"Content-Type": media_type},
        use_multipart=True,
        chunk_size=PART,
        max_concurrency=PARTS_AT_ONCE,
    )
