"""The tables: made and brought up to date from numbered SQL files, and refused where they are not ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orderkeep.domain.exceptions import StoreUnusable

MIGRATIONS = Path(__file__).parent / "migrations"

APPLICATION_ID = int.from_bytes(b"ordk", "big")
"""Stands in the file's header (and `file orders.db` shows it), so that no other program's file is taken for ours."""


def prepare(connection: sqlite3.Connection, migrations: Path = MIGRATIONS, *, migrate: bool = True) -> tuple[int, int]:
    """Make the tables in a new file, or bring those of an older orderkeep up to date: all in one transaction. Return
    the schema's number before and after.

    Raises `StoreUnusable` where the file is not ours, or ours but newer than this code; or older, without `migrate`.
    """
    files = sorted(migrations.glob("*.sql"))
    with _transaction(connection, "DEFERRED"):
        version = _check_ours(connection, len(files))
    if version < len(files) and not migrate:
        raise StoreUnusable(
            f"the file is of schema {version}, and this orderkeep needs {len(files)}: run orderkeep migrate"
        )
    _enter_wal(connection)
    if version == len(files):
        return version, version
    with _transaction(connection, "IMMEDIATE"):
        # Another process may have been quicker, so the version counts only now that the lock is held.
        version = _check_ours(connection, len(files))
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


def _check_ours(connection: sqlite3.Connection, newest: int) -> int:
    application_id = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    if application_id == APPLICATION_ID:
        if version > newest:
            raise StoreUnusable(
                f"a newer orderkeep wrote this file (schema {version}; this one knows {newest}): update orderkeep"
            )
        return version
    if application_id or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
        raise StoreUnusable("the file is another program's SQLite database: name another file")
    return 0


def _enter_wal(connection: sqlite3.Connection) -> None:
    [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if mode != "wal":
        raise StoreUnusable("SQLite cannot keep a write-ahead log on this file system: keep the file on a local disk")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    [(value,)] = connection.execute(f"PRAGMA {name}").fetchall()
    return int(value)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):  # the semicolon stood in no text, comment or trigger
            yield statement
            statement = ""
