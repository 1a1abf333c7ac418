"""The tables: made and brought up to date from numbered SQL files, and refused where they are newer."""

from pathlib import Path
from typing import Any

from orderkeep.domain.exceptions import StoreUnusable

MIGRATIONS = Path(__file__).parent / "migrations"

OLDEST_SERVER = 130_000
"""The first with transaction numbers of 64 bits, which the feed stands on."""

_SETTINGS = """
    SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
        current_setting('synchronous_commit')
"""
_IS_THERE = "SELECT to_regclass('orderkeep_migrations') IS NOT NULL"
_VERSION = "SELECT coalesce(max(number), 0) FROM orderkeep_migrations"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('orderkeep migrations ' || current_schema(), 0))"
_REMEMBER = """
    CREATE TABLE IF NOT EXISTS orderkeep_migrations (
        number     integer     PRIMARY KEY,
        name       text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
_APPLIED = "INSERT INTO orderkeep_migrations (number, name) VALUES ($1, $2)"
_NUMBERS_BEGAN_ANEW = """
    SELECT (SELECT max(tx) FROM changes) - beginning_of_feed
        >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM feed
"""
_RAISE_THE_BEGINNING = "UPDATE feed SET beginning_of_feed = (SELECT max(tx) FROM changes)"


async def prepare(connection: Any, *, migrate: bool, migrations: Path = MIGRATIONS) -> tuple[int, int]:
    """See that the tables are those of this code; with `migrate`, make them or bring them up to date, all in one
    transaction. Returns the schema's number before and after. Raises `StoreUnusable` where that cannot be.
    """
    files = _files(migrations)
    async with connection.transaction():
        await _check_server(connection)
        found = await _version(connection, len(files))
    if found < len(files):
        if not migrate:
            raise StoreUnusable(
                f"the tables are of schema {found}, and this orderkeep needs {len(files)}: run orderkeep migrate"
            )
        found = await _apply(connection, files)
    await _go_on_behind_what_was_restored(connection)
    return found, len(files)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sql"))


async def _check_server(connection: Any) -> None:
    number, encoding, durable = await connection.fetchrow(_SETTINGS)
    if number < OLDEST_SERVER:
        raise StoreUnusable(f"PostgreSQL {number // 10_000} is too old: 13 or newer is needed")
    if encoding != "UTF8":
        raise StoreUnusable(f"the database is encoded in {encoding}: make one with createdb --encoding UTF8")
    if durable == "off":
        raise StoreUnusable(
            "PostgreSQL confirms commits before they are durable: ALTER ROLE ... SET synchronous_commit = on"
        )


async def _version(connection: Any, newest: int) -> int:
    version: int = await connection.fetchval(_VERSION) if await connection.fetchval(_IS_THERE) else 0
    if version > newest:
        raise StoreUnusable(
            f"a newer orderkeep wrote these tables (schema {version}; this one knows {newest}): update orderkeep"
        )
    return version


async def _apply(connection: Any, files: list[Path]) -> int:
    async with connection.transaction():
        await connection.execute(_LOCK)
        # Another process may have been quicker, so the version counts only now that the lock is held. That the table is
        # there, this session may not yet have heard; whoever creates one hears.
        await connection.execute(_REMEMBER)
        found = await _version(connection, len(files))
        for number, file in enumerate(files[found:], start=found + 1):
            await connection.execute(file.read_text(encoding="utf-8"))
            await connection.execute(_APPLIED, number, file.name)
    return found


async def _go_on_behind_what_was_restored(connection: Any) -> None:
    async with connection.transaction():
        if not await connection.fetchval(_NUMBERS_BEGAN_ANEW):
            return
        await connection.execute(_LOCK)
        if await connection.fetchval(_NUMBERS_BEGAN_ANEW):
            await connection.execute(_RAISE_THE_BEGINNING)
