"""Documents in a folder of this machine, each whole and on the disk before anybody may refer to it."""

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO

from orderkeep.application.ports import DocumentStore
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9][A-Za-z0-9._:-]*)*")


class FolderDocumentStore(DocumentStore):
    """Keeps documents below a folder, which is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, content: bytes | IO[bytes], media_type: str) -> None:  # noqa: ARG002
        await asyncio.to_thread(self._put, self._path(key), content)

    async def get(self, key: str) -> bytes | None:
        return await asyncio.to_thread(self._get, self._path(key))

    async def link(self, key: str, file_name: str, seconds: int) -> str | None:  # noqa: ARG002
        return None

    async def close(self) -> None:
        return None

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise StoreUnusable("this key could lead out of the folder of documents")
        return self._folder / key

    def _put(self, path: Path, content: bytes | IO[bytes]) -> None:
        try:
            if path.exists():
                return
            _make_durable_folder(path.parent)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                try:
                    if isinstance(content, bytes):
                        file.write(content)
                    else:
                        shutil.copyfileobj(content, file)
                    file.flush()
                    os.fsync(file.fileno())
                    Path(file.name).replace(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            _sync_folder(path.parent)
        except OSError as error:
            raise StoreUnavailable(f"the document cannot be written: {os.strerror(error.errno or 0)}") from error

    def _get(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable(f"the document cannot be read: {os.strerror(error.errno or 0)}") from error


def _make_durable_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
