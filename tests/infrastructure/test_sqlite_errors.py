"""Every error that SQLite may report becomes one of ours, and says what to do."""

import sqlite3
from pathlib import Path

import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo.errors import ERRORS, is_busy, translated

FILE = Path("/data/{0}.db")

EXPECTED = [
    ("SQLITE_BUSY", StoreUnavailable, "find out which process has it open"),
    ("SQLITE_BUSY_SNAPSHOT", StoreUnavailable, "find out which process has it open"),
    ("SQLITE_BUSY_RECOVERY", StoreUnavailable, "find out which process has it open"),
    ("SQLITE_LOCKED", StoreUnavailable, "locked from within this process"),
    ("SQLITE_PROTOCOL", StoreUnavailable, "not on a network share"),
    ("SQLITE_FULL", StoreUnavailable, "free some space"),
    ("SQLITE_IOERR", StoreUnavailable, "disk errors"),
    ("SQLITE_IOERR_FSYNC", StoreUnavailable, "disk errors"),
    ("SQLITE_NOMEM", StoreUnavailable, "memory"),
    ("SQLITE_INTERRUPT", StoreUnavailable, "interrupted"),
    ("SQLITE_TOOBIG", StoreUnusable, "larger than"),
    ("SQLITE_CANTOPEN", StoreUnavailable, "number of open files"),
    ("SQLITE_READONLY", StoreUnusable, "permission on the file and its directory"),
    ("SQLITE_READONLY_DIRECTORY", StoreUnusable, "permission on the file and its directory"),
    ("SQLITE_PERM", StoreUnusable, "grant this user read and write permission"),
    ("SQLITE_AUTH", StoreUnusable, "grant this user read and write permission"),
    ("SQLITE_NOTADB", StoreUnusable, "use another file"),
    ("SQLITE_CORRUPT", StoreUnusable, "restore a backup"),
    ("SQLITE_CORRUPT_INDEX", StoreUnusable, "restore a backup"),
    ("SQLITE_CONSTRAINT", StoreUnusable, "run `orderkeep verify`"),
    ("SQLITE_CONSTRAINT_UNIQUE", StoreUnusable, "run `orderkeep verify`"),
    ("SQLITE_ERROR", StoreUnusable, "restore a backup"),
    ("SQLITE_SCHEMA", StoreUnavailable, "changed concurrently"),
    ("SQLITE_NOLFS", StoreUnavailable, "SQLite failed"),  # one that has no entry
]


def reported(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorname = name
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize("name, kind, advice", EXPECTED)
def test_error_names_cause_and_remedy(name: str, kind: type[StoreUnavailable], advice: str) -> None:
    error = reported(name)
    found = translated(error, FILE)

    assert type(found) is kind
    assert advice in str(found)
    assert f"({name})" in str(found)
    assert found.__cause__ is error
    assert "{file}" not in str(found)


def test_every_entry_of_the_table_is_tested() -> None:
    assert set(ERRORS) <= {getattr(sqlite3, name) for name, _, _ in EXPECTED}


def test_unexpected_error_is_reported_by_its_type_only() -> None:
    assert str(translated(RecursionError("secret"), FILE)).endswith("unexpected error (RecursionError)")


def test_domain_error_is_not_translated() -> None:
    ours = StoreUnusable("mend it")

    assert translated(ours, FILE) is ours


def test_only_a_lock_is_busy() -> None:
    assert is_busy(reported("SQLITE_BUSY_RECOVERY"))
    assert not is_busy(reported("SQLITE_IOERR_LOCK"))
    assert not is_busy(sqlite3.ProgrammingError("closed"))
