"""Document store in a folder: each document is complete and durable before an order refers to it."""

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from orderkeep.application.ports import DocumentStore
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.document_keys import checked

_NOT_OURS = "the documents directory cannot be accessed: grant this user read and write permission"
_IN_THE_WAY = "the path of the documents directory is in use by another file: move that file, or use another directory"
_FULL = "the disk that contains the documents is full: free some space, then try again"

ERRORS: dict[int, tuple[type[StoreUnavailable], str]] = {
    errno.ENOSPC: (StoreUnavailable, _FULL),
    errno.EDQUOT: (StoreUnavailable, _FULL),
    errno.EACCES: (StoreUnusable, _NOT_OURS),
    errno.EPERM: (StoreUnusable, _NOT_OURS),
    errno.EROFS: (StoreUnusable, "the documents directory is read-only: mount it writable, or use another directory"),
    errno.ENOTDIR: (StoreUnusable, _IN_THE_WAY),
    errno.EEXIST: (StoreUnusable, _IN_THE_WAY),
    errno.EISDIR: (StoreUnusable, _IN_THE_WAY),
    errno.ENAMETOOLONG: (StoreUnusable, "the path of the documents directory is too long: use a shorter one"),
    errno.EMFILE: (StoreUnavailable, "too many open files: try again, or raise the limit of this process"),
}
"""By the number of an `OSError`: the exception to raise, with the remedy."""

_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class FolderDocumentStore(DocumentStore):
    """Stores documents below a folder, which is created with the first one. A file whose name starts with a dot was
    left by a process that was killed while it wrote, and may be deleted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:  # noqa: ARG002
        await asyncio.to_thread(self._put, self._path(key), content)

    async def get(self, key: str) -> bytes | None:
        with _translated_errors("read"), suppress(FileNotFoundError):
            return await asyncio.to_thread(self._path(key).read_bytes)
        return None

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(self._delete, self._path(key))

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:  # noqa: ARG002
        checked(key)
        return None

    async def close(self) -> None:
        return None

    def _path(self, key: str) -> Path:
        return self._folder / checked(key)

    def _delete(self, path: Path) -> None:
        with _translated_errors("deleted"), suppress(FileNotFoundError):
            path.unlink()
            _sync_folder(path.parent)

    def _put(self, path: Path, content: bytes | IO[bytes]) -> None:
        with _translated_errors("written"):
            missing = [each for each in (self._folder, *self._folder.parents) if not each.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                _write(path, content)
            # Also if another process has just created all of this: it may not have synced yet.
            for folder in path.parents:
                _sync_folder(folder)
                if folder == self._folder:
                    break
            for folder in missing:
                _sync_folder(folder.parent)


def _write(path: Path, content: bytes | IO[bytes]) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            if isinstance(content, bytes):
                file.write(content)
            else:
                shutil.copyfileobj(content, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
            _publish(part, path)
        finally:
            part.unlink(missing_ok=True)


def _publish(part: Path, path: Path) -> None:
    """Give the file its name unless one exists: a link, unlike a rename, replaces nothing."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        if not path.is_file():
            raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if not path.exists():
            part.replace(path)  # replaces the same content, if another writer was faster


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated_errors(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        kind, message = ERRORS.get(number, (StoreUnavailable, f"the document cannot be {done}: {os.strerror(number)}"))
        raise kind(message) from error
