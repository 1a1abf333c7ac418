"""What the folder of documents does on the disk, and what it says when the disk refuses."""

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from orderkeep.application.ports import DocumentStore
from orderkeep.bootstrap.documents import open_documents
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

KEY = "orders/web:7781/one.html"


def failing(number: int) -> Callable[..., NoReturn]:
    def fail(*arguments: object, **options: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "documents"


@pytest.fixture
def documents(folder: Path) -> DocumentStore:
    return open_documents(f"folder:///{folder}")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is asked of the disk, in its order."""
    noted, sync, link = list[tuple[str, str]](), os.fsync, os.link

    def sync_and_note(handle: int) -> None:
        sync(handle)
        name = Path(f"/proc/self/fd/{handle}").readlink()
        noted.append(("sync", "the file" if name.name.endswith(".part") else name.name))

    def link_and_note(source: Any, target: Any) -> None:
        link(source, target)
        noted.append(("link", Path(target).name))

    monkeypatch.setattr(os, "fsync", sync_and_note)
    monkeypatch.setattr(os, "link", link_and_note)
    return noted


async def test_a_put_is_on_the_disk_before_it_returns(
    documents: DocumentStore, done: list[tuple[str, str]], tmp_path: Path
) -> None:
    await documents.put(KEY, b"one", "text/html")
    assert done == [
        ("sync", "the file"),
        ("link", "one.html"),
        ("sync", "web:7781"),
        ("sync", "orders"),
        ("sync", "documents"),
        ("sync", "kept"),
        ("sync", tmp_path.name),
    ]


async def test_put_syncs_also_if_another_process_was_faster(
    documents: DocumentStore, done: list[tuple[str, str]]
) -> None:
    await documents.put(KEY, b"one", "text/html")
    done.clear()
    await documents.put(KEY, b"one", "text/html")
    assert done == [("sync", "web:7781"), ("sync", "orders"), ("sync", "documents")]


async def test_file_is_deleted_from_the_disk_before_delete_returns(
    documents: DocumentStore, folder: Path, done: list[tuple[str, str]]
) -> None:
    await documents.put(KEY, b"one", "text/html")
    done.clear()
    await documents.delete(KEY)
    assert done == [("sync", "web:7781")]
    assert left_in(folder) == []


async def test_directory_is_created_with_the_first_document(documents: DocumentStore, folder: Path) -> None:
    assert await documents.get(KEY) is None
    await documents.close()
    assert not folder.parent.exists()


async def test_a_document_is_for_its_owner_alone(documents: DocumentStore, folder: Path) -> None:
    await documents.put(KEY, b"one", "text/html")
    assert stat.S_IMODE((folder / KEY).stat().st_mode) == 0o600


class InPieces(io.BytesIO):
    """A file that may not be read at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 < size <= 1 << 20, "all of it would be in memory"
        return super().read(size)


async def test_reads_a_file_piece_by_piece(documents: DocumentStore, folder: Path) -> None:
    content = os.urandom(3 << 20)
    await documents.put(KEY, InPieces(content), "text/csv")
    assert (folder / KEY).read_bytes() == content
    assert left_in(folder) == ["one.html"]


@pytest.mark.parametrize("call", ["fsync", "link"])
@pytest.mark.parametrize(
    "number, kind, message",
    [
        (errno.ENOSPC, StoreUnavailable, "the disk that contains the documents is full: free some space"),
        (errno.EDQUOT, StoreUnavailable, "the disk that contains the documents is full: free some space"),
        (errno.EACCES, StoreUnusable, "the documents directory cannot be accessed: grant this user"),
        (errno.EROFS, StoreUnusable, "the documents directory is read-only: mount it writable"),
        (errno.EIO, StoreUnavailable, "the document cannot be written: Input/output error"),
    ],
)
async def test_failed_put_leaves_nothing_and_names_the_cause(
    documents: DocumentStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    kind: type[StoreUnavailable],
    message: str,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing(number))
        with pytest.raises(StoreUnavailable, match=message) as refused:
            await documents.put(KEY, b"one", "text/html")
    assert type(refused.value) is kind
    assert left_in(folder) == []
    await documents.put(KEY, b"two", "text/html")
    assert await documents.get(KEY) == b"two"


@pytest.fixture
def _a_file_in_the_way(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "orders").write_text("a file")


@pytest.mark.usefixtures("_a_file_in_the_way")
async def test_file_in_place_of_the_directory_is_reported(documents: DocumentStore) -> None:
    with pytest.raises(StoreUnusable, match="in use by another file"):
        await documents.put(KEY, b"one", "text/html")
    with pytest.raises(StoreUnusable, match="in use by another file"):
        await documents.get(KEY)


async def test_file_that_cannot_be_deleted_is_reported(
    documents: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await documents.put(KEY, b"one", "text/html")
    with monkeypatch.context() as broken:
        broken.setattr(os, "unlink", failing(errno.EACCES))
        with pytest.raises(StoreUnusable, match="cannot be accessed: grant this user"):
            await documents.delete(KEY)
    assert await documents.get(KEY) == b"one"


async def test_directory_is_not_read_as_a_document(documents: DocumentStore, folder: Path) -> None:
    (folder / KEY).mkdir(parents=True)
    with pytest.raises(StoreUnusable, match="in use by another file"):
        await documents.put(KEY, b"one", "text/html")
    with pytest.raises(StoreUnusable, match="in use by another file"):
        await documents.get(KEY)


async def test_path_that_is_too_long_is_reported(tmp_path: Path) -> None:
    documents = open_documents(f"folder:///{tmp_path}/{'d' * 300}")
    with pytest.raises(StoreUnusable, match="the path of the documents directory is too long"):
        await documents.put(KEY, b"one", "text/html")
