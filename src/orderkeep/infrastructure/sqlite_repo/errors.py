"""SQLite's errors as exceptions of the domain, by one table."""

import sqlite3

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

CLOSED = "the store is closed"

ERRORS: dict[int, tuple[type[StoreUnavailable], str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreUnavailable,
        "another process kept the orders' file locked for too long: try again, or see what else has the file open",
    ),
    sqlite3.SQLITE_LOCKED: (StoreUnavailable, "the orders' file is locked from within this process: try again"),
    sqlite3.SQLITE_PROTOCOL: (
        StoreUnavailable,
        "the orders' file could not be locked: try again, and keep the file on a local disk, not on a network share",
    ),
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk that holds the orders' file is full: make room, then try again"),
    sqlite3.SQLITE_IOERR: (
        StoreUnavailable,
        "reading or writing the orders' file failed: look for disk errors in the system's log",
    ),
    sqlite3.SQLITE_NOMEM: (StoreUnavailable, "there is not enough memory: give the process more, then try again"),
    sqlite3.SQLITE_INTERRUPT: (StoreUnavailable, "the store was interrupted: try again"),
    sqlite3.SQLITE_TOOBIG: (StoreUnavailable, "this is larger than SQLite keeps in one piece"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreUnavailable,
        "the orders' file cannot be opened: does its folder exist, may this user write there, are too many files open?",
    ),
    sqlite3.SQLITE_READONLY: (
        StoreUnusable,
        "the orders' file cannot be written: give this user the right to write the file and its folder",
    ),
    sqlite3.SQLITE_PERM: (StoreUnusable, "this user may not use the orders' file: give it the right to"),
    sqlite3.SQLITE_AUTH: (StoreUnusable, "this user may not use the orders' file: give it the right to"),
    sqlite3.SQLITE_NOTADB: (StoreUnusable, "the file is no SQLite database: name another file"),
    sqlite3.SQLITE_CORRUPT: (
        StoreUnusable,
        "the orders' file is damaged: put a copy aside, then restore a backup or try the sqlite3 shell's .recover",
    ),
    sqlite3.SQLITE_CONSTRAINT: (
        StoreUnusable,
        "stored orders are inconsistent: the orders' file was altered; run verify to see where",
    ),
    sqlite3.SQLITE_ERROR: (
        StoreUnusable,
        "the orders' file lacks tables or columns: it was altered; restore a backup",
    ),
    sqlite3.SQLITE_SCHEMA: (StoreUnavailable, "the tables of the orders' file were altered meanwhile: try again"),
}
"""By SQLite's primary result code: what is raised, and what the operator can do."""


def translated(error: BaseException) -> StoreUnavailable:
    """Return what to raise in place of an error of SQLite, with that error as its cause."""
    if isinstance(error, StoreUnavailable):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        kind, message = ERRORS.get(code & 0xFF, (StoreUnavailable, "SQLite could not do it"))
        found = kind(f"{message} ({getattr(error, 'sqlite_errorname', code)})")
    else:
        found = StoreUnavailable(f"the store failed in a way that was not foreseen ({type(error).__name__})")
    found.__cause__ = error
    return found


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection holds the lock."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY
