"""What the headers of a SQLite file and of the index of its log say about the files, byte by byte."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orderkeep.infrastructure.sqlite_repo.open_files import MAGIC, WAL_MODE, OpenFiles, log_of_another_database

PAGE = 512
COUNTER, PAGES = 0x01020304, 5
FRAMES = (1 << 24) + 2


def database(counter: int = COUNTER, pages: int = PAGES, page: int = PAGE, mode: bytes = WAL_MODE) -> bytes:
    """Return the header of a database: its number of commits and of pages (https://sqlite.org/fileformat2.html)."""
    sizes = page.to_bytes(2, "big") + mode + b"\x01\x40\x20\x20"
    return MAGIC + sizes + counter.to_bytes(4, "big") + pages.to_bytes(4, "big")


def index(frames: int, page: int = PAGE) -> bytes:
    """Return the header of the index of a log with so many frames (https://sqlite.org/walformat.html)."""
    order = sys.byteorder
    return (
        b"\x18\xe2\x2d\x00" + 8 * b"\xff" + b"\1\1" + page.to_bytes(2, order) + frames.to_bytes(4, order) + 8 * b"\xff"
    )


@dataclass
class Files:
    """The files of a store, each open as SQLite has it open."""

    path: Path
    descriptors: list[int]

    def close(self) -> None:
        while self.descriptors:
            os.close(self.descriptors.pop())

    @property
    def log(self) -> Path:
        return Path(f"{self.path}-wal")

    @property
    def index(self) -> Path:
        return Path(f"{self.path}-shm")

    def write(self, header: bytes, size: int) -> None:
        with self.path.open("r+b") as file:
            file.write(header)
            file.truncate(size)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    found = Files(tmp_path / "orders.db", [])
    for path in (found.path, found.log, found.index):
        found.descriptors.append(os.open(path, os.O_RDWR | os.O_CREAT))
    found.write(database(), PAGES * PAGE)
    found.index.write_bytes(index(0))
    yield found
    found.close()


@pytest.mark.parametrize(
    "header, size",
    [
        (database(), PAGES * PAGE - 1),
        (database(pages=PAGES - 1), PAGES * PAGE),
        (database(COUNTER - 1), PAGES * PAGE),
        (database(COUNTER - (1 << 24)), PAGES * PAGE),
        (database(mode=b"\1\1"), PAGES * PAGE),
        (b"x" + database()[1:], PAGES * PAGE),
        (b"", 0),
    ],
    ids=["shorter", "fewer pages", "older", "much older", "no log", "another program's", "empty"],
)
def test_overwritten_database_is_found(files: Files, header: bytes, size: int) -> None:
    opened = OpenFiles(files.path)
    assert opened.overwritten() is None
    files.write(header, size)
    assert opened.overwritten() == str(files.path)
    assert not opened.can_be_merged()


@pytest.mark.parametrize(
    "header, size",
    [
        (database(), PAGES * PAGE),
        (database(), PAGES * PAGE + 1),
        (database(COUNTER + 1, PAGES + 1), (PAGES + 1) * PAGE),
        (database(COUNTER + 1, 1), PAGE),
    ],
    ids=["equal", "part of a page", "longer", "vacuum"],
)
def test_database_that_sqlite_wrote_is_not_overwritten(files: Files, header: bytes, size: int) -> None:
    opened = OpenFiles(files.path)
    assert opened.overwritten() is None
    files.write(header, size)
    assert opened.overwritten() is None
    files.write(database(), PAGES * PAGE - 1)
    assert opened.overwritten() == str(files.path)


@pytest.mark.parametrize("page, pages", [(PAGE, 1 << 24), (1, 3)], ids=["many pages", "pages of 64 KiB"])
def test_size_of_large_databases_is_compared(files: Files, page: int, pages: int) -> None:
    size = pages * (page if page > 1 else 65_536)
    files.write(database(pages=pages, page=page), size)  # sparse
    opened = OpenFiles(files.path)
    assert opened.overwritten() is None
    files.write(database(pages=pages, page=page), size - 1)
    assert opened.overwritten() == str(files.path)


@pytest.mark.parametrize("page", [PAGE, 1])
def test_log_shorter_than_its_index_says_is_found(files: Files, page: int) -> None:
    opened, size = OpenFiles(files.path), 32 + FRAMES * (24 + (page if page > 1 else 65_536))
    files.index.write_bytes(index(FRAMES, page))
    os.truncate(files.log, size)
    assert (opened.overwritten(), opened.can_be_merged()) == (None, True)
    os.truncate(files.log, size - 1)
    assert (opened.overwritten(), opened.can_be_merged()) == (str(files.log), False)
    files.index.write_bytes(index(0, page))  # after a checkpoint, the log may be of any size
    os.truncate(files.log, 0)
    assert opened.overwritten() is None


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_file_that_was_replaced_is_found(files: Files, suffix: str) -> None:
    opened, name = OpenFiles(files.path), f"{files.path}{suffix}"
    assert opened.moved() is None
    Path(name).rename(f"{name}.old")
    assert opened.moved() == name
    assert opened.can_be_merged() == (suffix != "")
    Path(name).touch()
    assert opened.moved() == name
    assert opened.can_be_merged() == (suffix != "")  # until another process uses a new log
    Path(name).write_bytes(b"x")
    assert not opened.can_be_merged()
    Path(f"{name}.old").rename(name)
    assert opened.moved() is None


@pytest.mark.parametrize(
    "header, log, found",
    [
        (database(mode=b"\1\1"), b"x", True),
        (database(mode=b"\1\1"), b"", False),
        (database(mode=b"\1\1"), None, False),
        (database(), b"x", False),
        (b"", b"x", False),
    ],
)
def test_log_of_the_previous_file_is_found(files: Files, header: bytes, log: bytes | None, found: bool) -> None:
    files.write(header, len(header))
    files.log.unlink()
    if log is not None:
        files.log.write_bytes(log)
    assert log_of_another_database(files.path) is found


def test_descriptors_of_another_store_of_this_process_are_used(files: Files) -> None:
    opened = OpenFiles(files.path)
    assert opened.overwritten() is None
    os.close(files.descriptors.pop())  # of the index
    assert opened.overwritten() is None
    other = os.open(files.path, os.O_RDWR)
    files.close()
    assert opened.overwritten() is None
    files.descriptors.append(other)
    files.write(b"", 0)
    assert opened.overwritten() == str(files.path)
    files.close()
    assert opened.overwritten() is None  # nothing is known any more
