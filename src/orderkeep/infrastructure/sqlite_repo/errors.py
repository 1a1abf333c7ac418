"""SQLite's errors as exceptions of the domain, by one table."""

import sqlite3
from pathlib import Path

from orderkeep.domain.exceptions import StoreMoved, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo.fence import MESSAGE

CLOSED = "the store is closed"

_RIGHTS = "{file} cannot be accessed: grant this user read and write permission"

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another process locked {file} for too long: try again, or find out which process has it open",
    sqlite3.SQLITE_LOCKED: "{file} is locked from within this process: try again",
    sqlite3.SQLITE_PROTOCOL: "{file} could not be locked: try again, and keep the file on a local disk, "
    "not on a network share",
    sqlite3.SQLITE_FULL: "the disk that contains {file} is full: free some space, then try again",
    sqlite3.SQLITE_IOERR: "reading or writing {file} failed: check the system log for disk errors",
    sqlite3.SQLITE_NOMEM: "out of memory: give the process more, then try again",
    sqlite3.SQLITE_INTERRUPT: "the store was interrupted: try again",
    sqlite3.SQLITE_CANTOPEN: "{file} cannot be opened: check its directory, the permissions and the "
    "number of open files; a file {file}-wal requires write permission on the directory",
    sqlite3.SQLITE_SCHEMA: "the schema of {file} was changed concurrently: try again",
}
_UNUSABLE = {
    sqlite3.SQLITE_READONLY: "{file} cannot be written: grant this user write permission on the file and its directory",
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_AUTH: _RIGHTS,
    sqlite3.SQLITE_TOOBIG: "this is larger than SQLite can store in one row: save less at once",
    sqlite3.SQLITE_NOTADB: "{file} is not a SQLite database: use another file",
    sqlite3.SQLITE_CORRUPT: "{file} is damaged: save a copy of it, then restore a backup or use .recover of the "
    "sqlite3 shell",
    sqlite3.SQLITE_CONSTRAINT: "the stored orders are inconsistent: {file} was altered; run `orderkeep verify` to "
    "find out where",
    sqlite3.SQLITE_ERROR: "tables or columns are missing in {file}: it was altered; restore a backup",
}
ERRORS: dict[int, tuple[type[StoreUnavailable], str]] = {
    **{code: (StoreUnavailable, text) for code, text in _UNAVAILABLE.items()},
    **{code: (StoreUnusable, text) for code, text in _UNUSABLE.items()},
}
"""By SQLite's primary result code: what is raised, and what the operator can do; `{file}` is the file's path.
`StoreUnavailable` is temporary; `StoreUnusable` lasts until an operator fixes the cause.
"""


def translated(error: BaseException, file: Path) -> StoreUnavailable:
    """Return the exception to raise for an error of SQLite in a file, with that error as its cause."""
    if isinstance(error, StoreUnavailable):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    if str(error) == MESSAGE:
        found: StoreUnavailable = StoreMoved()
    elif isinstance(error, PermissionError):
        found = StoreUnusable(_RIGHTS.replace("{file}", str(file)))
    elif code is not None:
        kind, message = ERRORS.get(code & 0xFF, (StoreUnavailable, "SQLite failed"))
        found = kind(f"{message.replace('{file}', str(file))} ({getattr(error, 'sqlite_errorname', code)})")
    elif isinstance(error, sqlite3.OperationalError):  # Python's own, of a text that it cannot decode
        found = StoreUnusable(f"{file} contains a text that is not UTF-8: it was altered; restore a backup")
    else:
        found = StoreUnavailable(f"the store failed with an unexpected error ({type(error).__name__})")
    found.__cause__ = error
    return found


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection holds the lock."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY
