"""Backups of the file: consistent copies, made while other processes write."""

import errno
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from orderkeep.application.ports import StoreAccess
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.sqlite_repo.connections import OrdersFile
from orderkeep.infrastructure.sqlite_repo.errors import translated

OF_THE_TARGET = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
"""Errors of a copy that are reported of the file that is written, not of the one that is read."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written: its file, size in bytes, and numbers of orders and changes."""

    file: str
    size: int
    orders: int
    changes: int


def back_up(path: str | os.PathLike[str], target: Path) -> Backup:
    """Copy a store of any schema to a new file, check its integrity, and return when it is durable. Only the owner can
    read it. Raises `OSError` if the target exists or cannot be written, `StoreUnavailable` and `StoreUnusable`.
    """
    source = OrdersFile(path, access=StoreAccess.READ)
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)  # with mode 0600
    part = Path(name)
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            orders, changes = _copy(source, copy, target)
        os.fsync(handle)
        size = part.stat().st_size
        _publish(part, target)
    finally:
        os.close(handle)
        part.unlink(missing_ok=True)
    return Backup(str(target), size, orders, changes)


def _copy(source: OrdersFile, copy: sqlite3.Connection, target: Path) -> tuple[int, int]:
    """Copy the source, and return the numbers of orders and changes in the copy."""
    try:
        copy.execute("PRAGMA journal_mode = OFF").fetchall()
        copy.execute("PRAGMA synchronous = OFF")  # it is synced once, at the end
        while True:
            with closing(source.open_to_copy()) as connection:
                connection.backup(copy)
                if not source.was_written(connection):
                    break
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # so that no other file belongs to the backup
        problems = [problem for (problem,) in copy.execute("PRAGMA integrity_check")]
        if problems != ["ok"]:
            raise StoreUnusable(f"{source.path} is damaged, so no backup was written: {problems[0]}")
        [counts] = copy.execute("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM changes)")
    except sqlite3.Error as error:
        is_of_target = getattr(error, "sqlite_errorcode", 0) & 0xFF in OF_THE_TARGET
        raise translated(error, target if is_of_target else source.path) from error
    return int(counts[0]), int(counts[1])


def _publish(part: Path, target: Path) -> None:
    """Rename the file, unless another one has the name: it is reserved first, because a rename replaces a file."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        part.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise
