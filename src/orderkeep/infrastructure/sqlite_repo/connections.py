"""Connections to the file, one that writes and those that read, and the tables in it."""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sql_store import Row
from orderkeep.infrastructure.sqlite_repo.errors import CLOSED, translated
from orderkeep.infrastructure.sqlite_repo.writer import BUSY_SECONDS, retry_while_locked

MIGRATIONS = Path(__file__).parent / "migrations"

APPLICATION_ID = int.from_bytes(b"ordk", "big")
"""Identifies the file as ours in its header (`file orders.db` shows it)."""

CACHE_KIB = 16_000
MOST_IDLE_READERS = 8


class OrdersFile:
    """The orders' file. It is identified by its inode, so that a file put in its place is detected."""

    def __init__(self, path: str | os.PathLike[str], *, migrate: bool = True) -> None:
        if os.fspath(path) == ":memory:":
            raise StoreUnusable("this store keeps orders in a file: use memory:// for orders in memory")
        self.path = Path(path).resolve()
        self.migrated = (0, 0)
        """The schema's number before the file was opened for writing, and after."""
        self._migrate = migrate
        self._identity: tuple[int, int] | None = None

    def open_to_write(self) -> sqlite3.Connection:
        """Open the file for writing; create and migrate it if needed. Raises `StoreUnavailable`, `StoreUnusable`."""
        self._check_usable()
        try:
            connection = self._connect("rwc", self._set_up_to_write)
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        self._identity = self._identity_now()
        return connection

    def open_to_read(self) -> sqlite3.Connection:
        """Open the file, which must exist, on a connection that cannot write."""
        return self._connect("rw", lambda connection: connection.execute("PRAGMA query_only = ON"))

    def check_in_place(self) -> None:
        """Raise `StoreUnusable` if the file was deleted or replaced: what is saved then would be lost."""
        if self._identity_now() != self._identity:
            raise StoreUnusable(
                f"{self.path} was moved, deleted or replaced while it was open: put it back, then restart"
            )

    def _connect(self, mode: str, set_up: Callable[[sqlite3.Connection], object]) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up_to_write(self, connection: sqlite3.Connection) -> None:
        # fsync does not flush the drive's cache on macOS; F_FULLFSYNC does.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA busy_timeout = 0")
        retry_while_locked(lambda: self._prepare(connection))

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self.migrated = prepare(connection, self.path, migrate=self._migrate)

    def _check_usable(self) -> None:
        # Checked without opening: closing a second descriptor would drop SQLite's locks on the first.
        folder = self.path.parent
        if not folder.is_dir():
            raise StoreUnusable(f"there is no folder {folder}: make it, or name a file in another")
        if not self._migrate and not self.path.exists():
            raise StoreUnusable(f"there is no {self.path}: make it with orderkeep migrate")
        if self.path.exists() and not self.path.is_file():
            raise StoreUnusable(f"{self.path} is not a file: name one")
        if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK):
            raise StoreUnusable(f"{self.path} cannot be written: grant this user read and write permission")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreUnusable(
                f"{folder} cannot be written, and SQLite keeps its log there: grant this user write permission"
            )

    def _identity_now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116  # before every commit; three times as fast as Path.stat
        except OSError:
            return None
        return found.st_dev, found.st_ino


class Readers:
    """Runs queries on the caller's thread, each on a connection that no other thread uses meanwhile.

    There are as many connections as threads that read concurrently: for one event loop, one.
    """

    def __init__(self, file: OrdersFile) -> None:
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


def prepare(
    connection: sqlite3.Connection, path: Path, migrations: Path = MIGRATIONS, *, migrate: bool = True
) -> tuple[int, int]:
    """Create or migrate the tables in one transaction, and return the schema's number before and after. Raises
    `StoreUnusable` if the file is not ours, newer than this code, or older without `migrate`.
    """
    files = sorted(migrations.glob("*.sql"))
    with _transaction(connection, "DEFERRED"):
        version = _check_ours(connection, path, len(files))
    if version < len(files) and not migrate:
        raise StoreUnusable(
            f"{path} is of schema {version}, and this orderkeep needs {len(files)}: run orderkeep migrate"
        )
    [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if mode != "wal":
        raise StoreUnusable(f"SQLite cannot keep a write-ahead log beside {path}: keep the file on a local disk")
    if version == len(files):
        return version, version
    with _transaction(connection, "IMMEDIATE"):
        # Another process may have been faster, so the version is read again now that the lock is held.
        version = _check_ours(connection, path, len(files))
        for file in files[version:]:
            for statement in _statements(file.read_text(encoding="utf-8")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(files)}")
    return version, len(files)


@contextmanager
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
                f"a newer orderkeep wrote {path} (schema {version}; this one knows {newest}): update orderkeep"
            )
        return int(version)
    if application_id or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
        raise StoreUnusable(f"{path} is another program's SQLite database: name another file")
    return 0


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):  # the semicolon is not in a text, comment or trigger
            yield statement
            statement = ""
