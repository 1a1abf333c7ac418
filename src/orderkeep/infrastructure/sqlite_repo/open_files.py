"""Detects that a file of an open store was deleted, replaced, overwritten or truncated. SQLite does not: it would
acknowledge commits that no process can read later.

Content is read from the descriptors that SQLite has open, because closing one of our own would drop SQLite's locks. On
a system without `/dev/fd`, only deleted and replaced files are detected.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

DATABASE, LOG, INDEX = "", "-wal", "-shm"
"""The suffixes of a store's files: the database, its write-ahead log, and the index of the log."""

MAGIC = b"SQLite format 3\0"
WAL_MODE = b"\2\2"
"""Bytes 18 and 19 of a database that is used with a log. A backup has others, as `orderkeep backup` writes it."""

LOG_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


class OpenFiles:
    """The database, its log and the index of the log, as they were when the store was opened."""

    def __init__(self, path: Path) -> None:
        self._names = {suffix: f"{path}{suffix}" for suffix in (DATABASE, LOG, INDEX)}
        self._identities = {suffix: _identity(name) for suffix, name in self._names.items()}
        self._descriptors: dict[str, int] = {}
        self._counter = self._size = 0
        self._reads_content = self._descriptor(DATABASE) is not None

    def moved(self) -> str | None:
        """Return the name of a file that was moved, deleted or replaced, or None."""
        for suffix, name in self._names.items():
            if _identity(name) != self._identities[suffix]:
                return name
        return None

    def overwritten(self) -> str | None:
        """Return the name of a file whose content was overwritten or truncated, or None."""
        if not self._reads_content:
            return None
        try:  # each twice: a read during a checkpoint may see two headers
            if not any(self._is_database() for _ in range(2)):
                return self._names[DATABASE]
            return None if any(self._has_all_frames() for _ in range(2)) else self._names[LOG]
        except (
            OSError
        ):  # another store of this process, on the same file, closed the descriptor; the next check decides
            return None

    def can_be_merged(self) -> bool:
        """Return whether the log that SQLite has open can be copied to the database: both are intact, and no other
        process uses a new log, which would contain other changes of the same pages.
        """
        if _identity(self._names[DATABASE]) != self._identities[DATABASE] or self.overwritten():
            return False
        return all(self._is_unused(suffix) for suffix in (LOG, INDEX))

    def _is_unused(self, suffix: str) -> bool:
        try:
            found = os.stat(self._names[suffix])  # noqa: PTH116
        except OSError:
            return True
        return not found.st_size or (found.st_dev, found.st_ino) == self._identities[suffix]

    def _is_database(self) -> bool:
        descriptor = self._descriptor(DATABASE)
        if descriptor is None:
            return True
        size = os.fstat(descriptor).st_size  # before the header: VACUUM shortens a file after it wrote the header
        header = os.pread(descriptor, 32, 0)
        counter = int.from_bytes(header[24:28], "big")
        size = min(size, int.from_bytes(header[28:32], "big") * _page_size(header[16:18], "big"))
        is_older = counter < self._counter or (counter == self._counter and size < self._size)
        if not header.startswith(MAGIC) or header[18:20] != WAL_MODE or is_older:
            return False
        self._counter, self._size = counter, size
        return True

    def _has_all_frames(self) -> bool:
        """Return whether the log is as long as its index says. Another process may shorten it between the two reads."""
        log, index = self._descriptor(LOG), self._descriptor(INDEX)
        if log is None or index is None:
            return True
        expected, size = _log_bytes(index), os.fstat(log).st_size
        return size >= expected or size >= _log_bytes(index)

    def _descriptor(self, suffix: str) -> int | None:
        """Return SQLite's descriptor of the file, also if it was deleted."""
        identity, known = self._identities[suffix], self._descriptors.get(suffix)
        if known is None or _identity(known) != identity:
            known = next((each for each in _descriptors() if _identity(each) == identity), None)
            if known is not None:
                self._descriptors[suffix] = known
        return known


def log_of_another_database(path: Path) -> bool:
    """Return whether a log that is not empty is next to a database that has none: the database was replaced, such as by
    a backup. To be called while the database is open, and before SQLite applies the log to it.
    """
    identity = _identity(os.fspath(path))
    descriptor = next((each for each in _descriptors() if _identity(each) == identity), None)
    if descriptor is None or not has_log(path):
        return False
    return os.pread(descriptor, 20, 0)[18:] not in (WAL_MODE, b"")


def has_log(path: Path) -> bool:
    """Return whether there is a log that is not empty."""
    try:
        return os.stat(f"{path}{LOG}").st_size > 0  # noqa: PTH116
    except OSError:
        return False


def _log_bytes(index: int) -> int:
    """Return how long the log is at least, by the header of its index (https://sqlite.org/walformat.html)."""
    header = os.pread(index, 24, 0)
    frames = int.from_bytes(header[16:20], sys.byteorder)
    frame_bytes = FRAME_HEADER_BYTES + _page_size(header[14:16], sys.byteorder)
    return LOG_HEADER_BYTES + frames * frame_bytes if frames else 0


def _page_size(field: bytes, byteorder: Literal["big", "little"]) -> int:
    size = int.from_bytes(field, byteorder)
    return 65_536 if size == 1 else size


def _identity(file: str | int) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116  # before every commit; three times as fast as Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _descriptors() -> Iterator[int]:
    try:
        names = os.listdir("/dev/fd")  # noqa: PTH208
    except OSError:
        return
    yield from sorted(int(name) for name in names if name.isdecimal())
