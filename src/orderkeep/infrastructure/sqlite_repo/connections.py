"""Connections to the file, one that writes and those that read, and the tables in it.

To read without changing anything beside the file, SQLite gets `immutable=1`: otherwise it creates a log and an index of
it, and cannot open the file in a folder that is not writable. This is safe only while no other process writes, that is,
while there is no log: the state of the file is compared after every query, and a query that met a writer is repeated.
"""

import contextlib
import os
import shutil
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from orderkeep.application.ports import PAGE_BYTES, StoreAccess
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sql_store import Row
from orderkeep.infrastructure.sqlite_repo.errors import CLOSED, translated
from orderkeep.infrastructure.sqlite_repo.open_files import OpenFiles, has_log, log_of_another_database
from orderkeep.infrastructure.sqlite_repo.queries import APPLICATION_ID
from orderkeep.infrastructure.sqlite_repo.writer import BUSY_SECONDS, T, retry_while_locked

MIGRATIONS = Path(__file__).parent / "migrations"
CACHE_KIB = 16_000
MOST_IDLE_READERS = 8
LITTLE_SPACE_BYTES = 1 << 20

NEW_FILE_MODE = 0o600
"""Orders contain personal data. To share the file with a group, change its mode once: it is kept."""


class Connection(sqlite3.Connection):
    """A connection to the file. `state` is that of the file if the connection takes no locks."""

    state: tuple[int, ...] | None = None


class OrdersFile:
    """The orders' file, and the log beside it. A file put in the place of one of them is detected."""

    def __init__(
        self, path: str | os.PathLike[str], *, migrate: bool = True, access: StoreAccess = StoreAccess.CREATE
    ) -> None:
        if os.fspath(path) == ":memory:":
            raise StoreUnusable("a SQLite store is a file: for a store in memory, use memory://")
        self.path = Path(path).resolve()
        self.migrated = (0, 0)
        """The schema's number before the file was opened, and after."""
        self._migrate, self._access = migrate, access
        self._writing: Connection | None = None
        self._files: OpenFiles | None = None
        self._merged = False

    def open(self) -> Connection:
        """Open the file with the access that was asked for, and check it; create and migrate it if that is allowed.
        Raises `StoreUnavailable`, `StoreUnusable`.
        """
        try:
            self._check_usable()
            if self._access is StoreAccess.CREATE:
                self._create()
            if self._access is StoreAccess.READ:
                connection = self._open_to_read(self._prepare)
            else:
                connection = self._connect("rw", self._set_up_to_write)
                connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # creates the log
                self._writing, self._files = connection, OpenFiles(self.path)
        except (sqlite3.Error, PermissionError) as error:
            raise translated(error, self.path) from error
        return connection

    def open_to_copy(self) -> Connection:
        """Open the file to read, whatever its schema. Raises `StoreUnavailable`, `StoreUnusable`."""
        try:
            self._check_usable()
            return self._open_to_read(self._check_not_empty)
        except (sqlite3.Error, PermissionError) as error:
            raise translated(error, self.path) from error

    def open_to_read(self) -> Connection:
        """Open the file, which must exist, on a connection that cannot write."""
        if self._access is StoreAccess.READ:
            return self._open_to_read(lambda _: None)
        return self._connect("rw", lambda connection: connection.execute("PRAGMA query_only = ON"))

    def run_alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work in one transaction, on a connection of its own. Raises `StoreUnavailable`."""
        self.check_writable()
        try:
            with contextlib.closing(self._connect("rw", lambda _: None)) as connection, connection:
                retry_while_locked(lambda: connection.execute("BEGIN IMMEDIATE"))
                return work(connection)
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def empty_log(self) -> None:
        """Copy the log to the file, and truncate it. Raises `StoreUnavailable` while another process reads it."""
        try:
            with contextlib.closing(self._connect("rw", lambda _: None)) as connection:
                retry_while_locked(lambda: _truncate_log(connection))
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def was_written(self, connection: Connection) -> bool:
        """Return whether another process wrote to the file since a connection without locks was opened."""
        return connection.state is not None and connection.state != self._state_without_log()

    def check_writable(self) -> None:
        """Raise `StoreUnusable` if the store was opened to read, or if one of its files was deleted, replaced or
        overwritten: what is saved then would be lost. If the log was deleted, it is copied to the file before.
        """
        if self._files is None:
            raise StoreUnusable(
                "this store was opened for reading only, and the program tried to write: report this bug"
            )
        if name := self._files.overwritten():
            raise StoreUnusable(f"{name} was overwritten or truncated while it was open: stop, then restore a backup")
        if (name := self._files.moved()) is None:
            return
        happened = f"{name} was moved, deleted or replaced while it was open"
        if name == str(self.path):
            raise StoreUnusable(f"{happened}: put it back, then restart")
        self._merged = self._merged or (self._files.can_be_merged() and self._merge())
        if self._merged:
            raise StoreUnusable(f"{happened}; all saved orders were copied to {self.path}: restart")
        raise StoreUnusable(
            f"{happened}: stop every process that uses it, then compare `orderkeep verify` and a backup"
        )

    def close(self, connection: Connection) -> None:
        """Close the connection that writes. If the files are not in place, it stays open until the process ends: on
        closing, SQLite would copy its log into a file that was overwritten, and delete a log that replaced its own.
        """
        try:
            if self._files is not None:
                self.check_writable()
        except StoreUnusable:
            threading.Thread(target=_keep_open, args=(connection,), name="keeps-sqlite-open", daemon=True).start()
        else:
            connection.close()

    def _merge(self) -> bool:
        """Copy the log that SQLite has open to the file, and return whether all of it was copied."""
        assert self._writing is not None  # noqa: S101  # as `_files` is not None
        try:
            [(_, frames, copied)] = self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:
            return False
        return bool(frames == copied)

    def may_be_unwritable(self) -> bool:
        """Return whether there is a sign that nothing can be written: the files, their permissions, little space."""
        if self._files is not None and (self._files.moved() or self._files.overwritten()):
            return True
        short = shutil.disk_usage(self.path.parent).free < LITTLE_SPACE_BYTES
        return short or not os.access(self.path, os.W_OK)

    def _create(self) -> None:
        # Before SQLite does, which would let other users read it. The log beside it gets the permissions of the file.
        with contextlib.suppress(OSError):  # it exists, or SQLite reports why it cannot be created
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, NEW_FILE_MODE))

    def _open_to_read(self, set_up: Callable[[Connection], object]) -> Connection:
        state = self._state_without_log()
        connection = self._connect("ro" if state is None else "ro&immutable=1", set_up)
        connection.state = state
        return connection

    def _state_without_log(self) -> tuple[int, ...] | None:
        """Return the state of the file, or None if there is a log, because another process is writing or was killed."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  # before the log: see `was_written`
            logs = any(os.path.exists(f"{self.path}{suffix}") for suffix in ("-wal", "-journal"))  # noqa: PTH110
        except OSError:
            return None
        return None if logs else (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def _connect(self, mode: str, set_up: Callable[[Connection], object]) -> Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
        )
        try:
            if log_of_another_database(self.path):
                raise StoreUnusable(
                    f"{self.path} was replaced, and {self.path}-wal is the log of the previous file: move "
                    f"{self.path}-wal and {self.path}-shm away"
                )
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up_to_write(self, connection: Connection) -> None:
        # fsync does not flush the drive's cache on macOS; F_FULLFSYNC does.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA busy_timeout = 0")
        retry_while_locked(lambda: self._prepare(connection))
        retry_while_locked(lambda: connection.execute("PRAGMA secure_delete = ON").fetchall())  # erase with zeros

    def _prepare(self, connection: Connection) -> None:
        self.migrated = prepare(connection, self.path, migrate=self._migrate, access=self._access)

    def _check_not_empty(self, connection: Connection) -> None:
        if not _check_ours(connection, self.path, sys.maxsize):
            raise StoreUnusable(f"{self.path} is empty: correct the URL")

    def _check_usable(self) -> None:
        # Checked without opening: closing a second descriptor would drop SQLite's locks on the first.
        folder, exists = self.path.parent, self.path.exists()
        if not folder.is_dir():
            raise StoreUnusable(f"the directory {folder} does not exist: create it, or use a file in another one")
        if has_log(self.path) and (not exists or not self.path.stat().st_size):
            raise StoreUnusable(
                f"{self.path} {'is empty' if exists else 'does not exist'}, but its log {self.path}-wal contains "
                f"changes: put the file back; or move {self.path}-wal and {self.path}-shm away to start without them"
            )
        if not exists and not (self._access is StoreAccess.CREATE and self._migrate):
            raise StoreUnusable(
                f"{self.path} does not exist: use the directory of the store, correct the URL in --store or "
                "ORDERKEEP_STORE, or create the file with `orderkeep migrate`"
            )
        if exists and not self.path.is_file():
            raise StoreUnusable(f"{self.path} is not a file: use a file")
        if self._access is StoreAccess.READ:
            if not os.access(self.path, os.R_OK):
                raise StoreUnusable(f"{self.path} cannot be read: grant this user read permission")
            return
        if exists and not os.access(self.path, os.R_OK | os.W_OK):
            raise StoreUnusable(f"{self.path} cannot be written: grant this user read and write permission")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreUnusable(
                f"{folder} cannot be written, and SQLite creates its log there: grant this user write permission"
            )


class Readers:
    """Runs queries on the caller's thread, each on a connection that no other thread uses meanwhile.

    There are as many connections as threads that read concurrently: for one event loop, one.
    """

    def __init__(self, file: OrdersFile) -> None:
        self._file = file
        self._idle: deque[Connection] = deque()
        self._closed = False

    def rows(self, query: str, parameters: Row, document: int | None = None) -> list[Row]:
        """Return all rows, so that no read transaction stays open; if the column of a `document` is given, those up to
        the one with which the documents exceed `PAGE_BYTES`. Raises `StoreUnavailable`.
        """
        if self._closed:
            raise StoreUnavailable(CLOSED)
        try:
            connection = self._take()
            try:
                rows = connection.execute(query, parameters)
                found = rows.fetchall() if document is None else _page(rows, document)
            except sqlite3.Error:
                connection.close()
                if self._file.was_written(connection):
                    return self.rows(query, parameters, document)
                raise
        except sqlite3.Error as error:
            raise translated(error, self._file.path) from error
        except UnicodeEncodeError:
            found = []  # half a surrogate pair: no stored text contains one
        if self._file.was_written(connection):
            connection.close()
            return self.rows(query, parameters, document)
        self._give_back(connection)
        return found

    def close(self) -> None:
        """Close idle connections; one in use is closed when it is returned."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._file.open_to_read()

    def _give_back(self, connection: Connection) -> None:
        if len(self._idle) < MOST_IDLE_READERS:
            self._idle.append(connection)
        else:
            connection.close()
        if self._closed:
            self.close()


def _truncate_log(connection: Connection) -> None:
    [(is_busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if is_busy:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error


def _page(rows: sqlite3.Cursor, document: int) -> list[Row]:
    found, left = list[Row](), PAGE_BYTES
    for row in rows:
        found.append(row)
        left -= len(row[document])
        if left < 0:
            rows.close()
            break
    return found


def _keep_open(_connection: Connection) -> None:
    threading.Event().wait()  # in a thread's frame, which is not cleared when the interpreter ends


def prepare(
    connection: sqlite3.Connection,
    path: Path,
    migrations: Path = MIGRATIONS,
    *,
    migrate: bool = True,
    access: StoreAccess = StoreAccess.CREATE,
) -> tuple[int, int]:
    """Create or migrate the tables in one transaction, and return the schema's number before and after. Raises
    `StoreUnusable` if the file is not ours, newer than this code, or older and not to be migrated.
    """
    files = sorted(migrations.glob("*.sql"))
    with _transaction(connection, "DEFERRED"):
        version = _check_ours(connection, path, len(files))
    if not version and access is not StoreAccess.CREATE:
        raise StoreUnusable(f"{path} is empty: correct the URL, or create the tables with `orderkeep migrate`")
    if version < len(files) and (access is StoreAccess.READ or not migrate):
        raise StoreUnusable(
            f"{path} has schema {version}, and this version requires {len(files)}: run `orderkeep migrate`, for a "
            "backup on a copy"
        )
    if access is StoreAccess.READ:
        return version, version
    [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if mode != "wal":
        raise StoreUnusable(f"SQLite cannot use a write-ahead log beside {path}: move the file to a local disk")
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
                f"{path} has schema {version} of a newer version, and this one supports {newest}: upgrade orderkeep"
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
