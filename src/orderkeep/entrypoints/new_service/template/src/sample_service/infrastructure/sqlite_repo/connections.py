"""Connections to the file, one that writes and those that read, and the tables in it."""

import contextlib
import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from sample_service.domain.exceptions import StoreUnavailable, StoreUnusable
from sample_service.infrastructure.sqlite_repo.errors import CLOSED, translated
from sample_service.infrastructure.sqlite_repo.writer import BUSY_SECONDS, retry_while_locked

MIGRATIONS = Path(__file__).parent / "migrations"

APPLICATION_ID = crc32(b"sample_service") & 0x7FFFFFFF
"""Identifies the file as ours in its header."""

MOST_IDLE_READERS = 8

Row = tuple[Any, ...]


class SampleItemsFile:
    """The file of the sample items. A file that was moved, deleted or replaced is detected before each commit."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        self._identity = (0, 0)

    def open(self) -> sqlite3.Connection:
        """Create or migrate the file, and return the connection that writes. Raises `StoreUnavailable`."""
        if not self.path.parent.is_dir():
            raise StoreUnusable(f"the directory {self.path.parent} does not exist: create it, or correct the URL")
        connection = None
        try:
            connection = self._connect("rwc")
            # fsync does not flush the drive's cache on macOS; F_FULLFSYNC does.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA busy_timeout = 0")
            retry_while_locked(lambda: prepare(connection, self.path))
            self._identity = self._identify()
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error | OSError):
                raise translated(error, self.path) from error
            raise
        return connection

    def open_to_read(self) -> sqlite3.Connection:
        """Open the file, which must exist, on a connection that cannot write."""
        connection = self._connect("rw")
        connection.execute("PRAGMA query_only = ON")
        return connection

    def check_writable(self) -> None:
        """Raise `StoreUnusable` if the file was moved, deleted or replaced: what is saved then would be lost."""
        with contextlib.suppress(OSError):
            if self._identify() == self._identity:
                return
        raise StoreUnusable(f"{self.path} was moved, deleted or replaced while it was open: put it back, then restart")

    def _identify(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )


class Readers:
    """Runs queries on the caller's thread, each on a connection that no other thread uses meanwhile.

    There are as many connections as threads that read concurrently: for one event loop, one.
    """

    def __init__(self, file: SampleItemsFile) -> None:
        self._file = file
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False

    def rows(self, query: str, parameters: Row) -> list[Row]:
        """Return all rows, so that no read transaction stays open. Raises `StoreUnavailable`."""
        if self._closed:
            raise StoreUnavailable(CLOSED)
        try:
            connection = self._take()
            try:
                found = connection.execute(query, parameters).fetchall()
            except sqlite3.Error:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise translated(error, self._file.path) from error
        except UnicodeEncodeError:
            found = []  # half a surrogate pair: no stored text contains one
        self._give_back(connection)
        return found

    def close(self) -> None:
        """Close idle connections; one in use is closed when it is returned."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._file.open_to_read()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if len(self._idle) < MOST_IDLE_READERS:
            self._idle.append(connection)
        else:
            connection.close()
        if self._closed:
            self.close()


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create or migrate the tables in one transaction. Raises `StoreUnusable` if the file is not ours, or newer."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    with _transaction(connection, "DEFERRED"):
        version = _check_ours(connection, path, len(files))
    [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if mode != "wal":
        raise StoreUnusable(f"SQLite cannot use a write-ahead log beside {path}: move the file to a local disk")
    if version == len(files):
        return
    with _transaction(connection, "IMMEDIATE"):
        # Another process may have been faster, so the version is read again now that the lock is held.
        version = _check_ours(connection, path, len(files))
        for file in files[version:]:
            for statement in _statements(file.read_text(encoding="utf-8")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(files)}")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check_ours(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    header = "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
    [(application_id, version)] = connection.execute(header).fetchall()
    if application_id == APPLICATION_ID:
        if version > newest:
            raise StoreUnusable(
                f"{path} has schema {version} of a newer version, and this one supports {newest}: upgrade the service"
            )
        return int(version)
    if application_id or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
        raise StoreUnusable(f"{path} is another program's SQLite database: use another file")
    return 0


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):  # the semicolon is not in a text, comment or trigger
            yield statement
            statement = ""
