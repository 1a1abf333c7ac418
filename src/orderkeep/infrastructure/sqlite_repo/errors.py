"""SQLite's errors as exceptions of the domain, by one table."""

import sqlite3
from pathlib import Path

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable

CLOSED = "the store is closed"

_RIGHTS = "this user may not use {file}: grant this user read and write permission"

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another process kept {file} locked for too long: try again, or see what else has "
    "the file open",
    sqlite3.SQLITE_LOCKED: "{file} is locked from within this process: try again",
    sqlite3.SQLITE_PROTOCOL: "{file} could not be locked: try again, and keep the file on a local disk, "
    "not on a network share",
    sqlite3.SQLITE_FULL: "the disk that holds {file} is full: make room, then try again",
    sqlite3.SQLITE_IOERR: "reading or writing {file} failed: look for disk errors in the system's log",
    sqlite3.SQLITE_NOMEM: "there is not enough memory: give the process more, then try again",
    sqlite3.SQLITE_INTERRUPT: "the store was interrupted: try again",
    sqlite3.SQLITE_TOOBIG: "this is larger than SQLite keeps in one piece",
    sqlite3.SQLITE_CANTOPEN: "{file} cannot be opened: does its folder exist, may this user write there, "
    "are too many files open?",
    sqlite3.SQLITE_SCHEMA: "the tables of {file} were altered meanwhile: try again",
}
_UNUSABLE = {
    sqlite3.SQLITE_READONLY: "{file} cannot be written: grant this user write permission on the file and its folder",
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_AUTH: _RIGHTS,
    sqlite3.SQLITE_NOTADB: "{file} is not an SQLite database: name another file",
    sqlite3.SQLITE_CORRUPT: "{file} is damaged: put a copy aside, then restore a backup or try the sqlite3 "
    "shell's .recover",
    sqlite3.SQLITE_CONSTRAINT: "stored orders are inconsistent: {file} was altered; run verify to see where",
    sqlite3.SQLITE_ERROR: "{file} lacks tables or columns: it was altered; restore a backup",
}
ERRORS: dict[int, tuple[type[StoreUnavailable], str]] = {
    **{code: (StoreUnavailable, text) for code, text in _UNAVAILABLE.items()},
    **{code: (StoreUnusable, text) for code, text in _UNUSABLE.items()},
}
"""By SQLite's primary result code: what is raised, and what the operator can do; `{file}` is the file's path."""


def translated(error: BaseException, file: Path) -> StoreUnavailable:
    """Return what to raise in place of an error of SQLite in a file, with that error as its cause."""
    if isinstance(error, StoreUnavailable):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        kind, message = ERRORS.get(code & 0xFF, (StoreUnavailable, "SQLite could not do it"))
        found = kind(f"{message.replace('{file}', str(file))} ({getattr(error, 'sqlite_errorname', code)})")
    else:
        found = StoreUnavailable(f"the store failed in a way that was not foreseen ({type(error).__name__})")
    found.__cause__ = error
    return found


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection holds the lock."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY
