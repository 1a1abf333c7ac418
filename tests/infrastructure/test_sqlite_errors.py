"""Every error that SQLite may report becomes one of ours, and says what to do."""

import sqlite3
from pathlib import Path

import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo.errors import ERRORS, is_busy, translated

FILE = Path("/data/{0}.db")

EXPECTED = [
    ("SQLITE_BUSY", StoreUnavailable, "see what else has the file open"),
    ("SQLITE_BUSY_SNAPSHOT", StoreUnavailable, "see what else has the file open"),
    ("SQLITE_BUSY_RECOVERY", StoreUnavailable, "see what else has the file open"),
    ("SQLITE_LOCKED", StoreUnavailable, "locked from within this process"),
    ("SQLITE_PROTOCOL", StoreUnavailable, "not on a network share"),
    ("SQLITE_FULL", StoreUnavailable, "make room"),
    ("SQLITE_IOERR", StoreUnavailable, "disk errors"),
    ("SQLITE_IOERR_FSYNC", StoreUnavailable, "disk errors"),
    ("SQLITE_NOMEM", StoreUnavailable, "memory"),
    ("SQLITE_INTERRUPT", StoreUnavailable, "interrupted"),
    ("SQLITE_TOOBIG", StoreUnavailable, "larger than"),
    ("SQLITE_CANTOPEN", StoreUnavailable, "too many files open"),
    ("SQLITE_READONLY", StoreUnusable, "permission on the file and its folder"),
    ("SQLITE_READONLY_DIRECTORY", StoreUnusable, "permission on the file and its folder"),
    ("SQLITE_PERM", StoreUnusable, "grant this user read and write permission"),
    ("SQLITE_AUTH", StoreUnusable, "grant this user read and write permission"),
    ("SQLITE_NOTADB", StoreUnusable, "name another file"),
    ("SQLITE_CORRUPT", StoreUnusable, "restore a backup"),
    ("SQLITE_CORRUPT_INDEX", StoreUnusable, "restore a backup"),
    ("SQLITE_CONSTRAINT", StoreUnusable, "run verify"),
    ("SQLITE_CONSTRAINT_UNIQUE", StoreUnusable, "run verify"),
    ("SQLITE_ERROR", StoreUnusable, "restore a backup"),
    ("SQLITE_SCHEMA", StoreUnavailable, "altered meanwhile"),
    ("SQLITE_NOLFS", StoreUnavailable, "SQLite could not do it"),  # one that has no entry
]


def reported(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorname = name
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize("name, kind, advice", EXPECTED)
def test_says_what_to_do(name: str, kind: type[StoreUnavailable], advice: str) -> None:
    error = reported(name)
    found = translated(error, FILE)

    assert type(found) is kind
    assert advice in str(found)
    assert f"({name})" in str(found)
    assert found.__cause__ is error
    assert "{file}" not in str(found)


def test_every_entry_of_the_table_is_expected_above() -> None:
    assert set(ERRORS) <= {getattr(sqlite3, name) for name, _, _ in EXPECTED}


def test_what_is_no_error_of_sqlite_is_named_by_its_type_alone() -> None:
    assert str(translated(RecursionError("secret"), FILE)).endswith("not foreseen (RecursionError)")


def test_one_of_ours_stays_as_it_is() -> None:
    ours = StoreUnusable("mend it")

    assert translated(ours, FILE) is ours


def test_knows_a_lock_from_another_failure() -> None:
    assert is_busy(reported("SQLITE_BUSY_RECOVERY"))
    assert not is_busy(reported("SQLITE_IOERR_LOCK"))
    assert not is_busy(sqlite3.ProgrammingError("closed"))
