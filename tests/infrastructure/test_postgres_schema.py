"""The tables: made once, brought up to date in one transaction, refused where they are not ours or cannot be used."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository, connections
from orderkeep.testing.api_keys import USED, api_key
from orderkeep.testing.orders import SINCE, pending_order, small_order
from orderkeep.testing.personal_data import personal_data, problems_of, salt_of
from orderkeep.testing.stores import loaded
from tests.servers.schemas import look

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
ALL_TABLES = [
    "api_keys",
    "changes",
    "checkpoints",
    "feed",
    "feed_positions",
    "order_tags",
    "orderkeep_migrations",
    "orders",
    "personal_data",
    "records",
]


async def tables(url: str) -> list[str]:
    return [name for (name,) in await look(url, TABLES)]


async def used(url: str, *, migrate: bool = True) -> None:
    store = PostgresOrderRepository(url, migrate=migrate)
    try:
        await store.ping()
    finally:
        await store.close()


async def refused(url: str, words: str, kind: type[StoreUnavailable] = StoreUnusable) -> None:
    with pytest.raises(StoreUnavailable, match=words) as raised:
        await used(url)
    assert type(raised.value) is kind


async def test_first_use_connects_and_creates_the_tables(postgres_url: str) -> None:
    store = PostgresOrderRepository(postgres_url)
    assert await tables(postgres_url) == []
    await store.save(pending_order())
    await store.close()

    assert await tables(postgres_url) == ALL_TABLES
    assert await look(postgres_url, "SELECT number, name FROM orderkeep_migrations") == [
        (1, "0001_orders.sql"),
        (2, "0002_api_keys.sql"),
        (3, "0003_verification.sql"),
        (4, "0004_personal_data.sql"),
        (5, "0005_events.sql"),
    ]


async def test_without_auto_migrate_only_the_command_creates_tables(postgres_url: str) -> None:
    with pytest.raises(StoreUnusable, match=r"schema 0, and this version requires 5: run `orderkeep migrate`"):
        await used(postgres_url, migrate=False)
    assert await tables(postgres_url) == []

    store = PostgresOrderRepository(postgres_url)
    assert await store.migrate() == (0, 5)
    assert await store.migrate() == (5, 5)
    assert await store.schema() == (5, 5)
    await store.close()
    await used(postgres_url, migrate=False)


async def test_concurrent_connections_create_the_tables_once(postgres_url: str) -> None:
    await asyncio.gather(*(used(postgres_url) for _ in range(16)))

    assert await look(postgres_url, "SELECT count(*) FROM orderkeep_migrations") == [(5,)]


def write(folder: Path, scripts: Sequence[str]) -> None:
    for number, script in enumerate(scripts, start=1):
        (folder / f"{number:04}_step.sql").write_text(script)


async def migrated(url: str, folder: Path, *scripts: str) -> tuple[int, int]:
    write(folder, scripts)
    connection = await asyncpg.connect(url)
    try:
        return await connections.prepare(connection, migrate=True, migrations=folder)
    finally:
        await connection.close()


FIRST = "CREATE TABLE changes (tx bigint); CREATE TABLE feed (beginning_of_feed bigint); -- a comment; with a semicolon"


async def test_older_tables_get_missing_migrations(postgres_url: str, tmp_path: Path) -> None:
    assert await migrated(postgres_url, tmp_path, FIRST) == (0, 1)
    assert await migrated(postgres_url, tmp_path, FIRST, "CREATE TABLE two (b int); INSERT INTO two VALUES (2)") == (
        1,
        2,
    )

    assert await look(postgres_url, "SELECT b FROM two") == [(2,)]
    assert await look(postgres_url, "SELECT max(number) FROM orderkeep_migrations") == [(2,)]


ADDED = {
    2: "DROP TABLE api_keys",
    3: "DROP TABLE checkpoints; ALTER TABLE changes DROP COLUMN schema, DROP COLUMN fingerprint",
    4: "DROP TABLE personal_data",
    5: "DROP TABLE feed_positions, records",
}
"""What removes what each schema added."""


@pytest.mark.parametrize("schema", [1, 2, 3, 4])
async def test_tables_of_an_older_schema_are_migrated(postgres_url: str, schema: int) -> None:
    store = PostgresOrderRepository(postgres_url)
    await store.save(small_order("order-1"))
    await store.close()
    for added, remove in ADDED.items():
        for statement in remove.split("; ") if added > schema else ():
            await look(postgres_url, statement)
    await look(postgres_url, f"DELETE FROM orderkeep_migrations WHERE number > {schema}")
    store = PostgresOrderRepository(postgres_url, migrate=False)
    with pytest.raises(StoreUnusable, match=f"schema {schema}, and this version requires 5"):
        await store.ping()

    assert await store.migrate() == (schema, 5)
    assert await store.api_keys().add(api_key())
    order = await loaded(store, "order-1")
    order.set_personal_data(personal_data(), salt_of(1), at=SINCE)
    await store.save(order)
    assert [change.version for change in (await store.read_changes(0, 5)).changes] == [1, 2]
    assert [record.data for record in (await store.get_personal_data(["order-1"])).values()] == [personal_data()]
    # Verification of changes without the columns of schema 3 has a test of its own: here, their hash includes them.
    assert await problems_of(store) == ["the change does not match its hash"] * (schema < 3)
    await store.close()


async def test_failed_migration_changes_no_table(postgres_url: str, tmp_path: Path) -> None:
    await migrated(postgres_url, tmp_path, FIRST)
    with pytest.raises(asyncpg.DuplicateTableError):
        await migrated(postgres_url, tmp_path, FIRST, "CREATE TABLE two (b int)", "CREATE TABLE feed (c int)")

    assert await tables(postgres_url) == ["changes", "feed", "orderkeep_migrations"]
    assert await look(postgres_url, "SELECT max(number) FROM orderkeep_migrations") == [(1,)]


async def test_newer_schema_is_rejected(postgres_url: str) -> None:
    await used(postgres_url)
    await look(postgres_url, "INSERT INTO orderkeep_migrations VALUES (8, 'from the future')")

    await refused(postgres_url, r"schema 8 of a newer version, and this one supports 5: upgrade orderkeep")


async def test_tables_of_another_program_are_rejected_unchanged(postgres_url: str) -> None:
    await look(postgres_url, "CREATE TABLE orders (vinyl text)")

    await refused(postgres_url, "another program's tables of the same names are in this database")
    assert await tables(postgres_url) == ["orders"]


@pytest.mark.parametrize(
    "setting, words, kind",
    [
        ("synchronous_commit=off", "confirms commits before they are durable", StoreUnusable),
        ("default_transaction_read_only=on", "is read-only, such as a standby", StoreUnavailable),
        ("search_path=nowhere", "the schema does not exist", StoreUnusable),
        ("lock_timeout=soon", r"\(22023\)", StoreUnusable),
    ],
)
async def test_session_with_unsafe_settings_is_rejected(
    postgres_server: str, postgres_url: str, setting: str, words: str, kind: type[StoreUnavailable]
) -> None:
    url = f"{postgres_server}?{setting}" if "search_path" in setting else f"{postgres_url}&{setting}"
    await refused(url, words, kind)


async def test_old_server_is_rejected(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OLDEST_SERVER", 990_000)
    await refused(postgres_url, r"PostgreSQL \d+ is too old")


async def test_database_of_another_encoding_is_rejected(postgres_server: str) -> None:
    name = "ascii_only"
    await look(postgres_server, f"DROP DATABASE IF EXISTS {name}")
    await look(postgres_server, f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    await refused(
        postgres_server.rpartition("/")[0] + f"/{name}", "uses the encoding SQL_ASCII: create one with createdb"
    )
    await look(postgres_server, f"DROP DATABASE {name}")


async def test_missing_database_is_reported(postgres_server: str) -> None:
    await refused(postgres_server.rpartition("/")[0] + "/nowhere", r"the database does not exist.*\(3D000\)")


async def test_unreachable_server_is_reported() -> None:
    await refused("postgresql://127.0.0.1:1/orders", "cannot be reached", StoreUnavailable)


async def test_invalid_url_is_rejected_without_its_password() -> None:
    await refused("postgresql://me:my/secret@127.0.0.1/orders", "URL of the PostgreSQL store is invalid")


@asynccontextmanager
async def another_user(server: str, url: str, rights: str) -> AsyncIterator[str]:
    """Give the store's URL for a user who has these rights on its tables and no others."""
    schema = url.rpartition("=")[2]
    name = f"user_{schema}"
    await look(server, f"CREATE ROLE {name} LOGIN")
    await look(server, f"GRANT USAGE ON SCHEMA {schema} TO {name}")
    await look(server, f"GRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {name}")
    try:
        parts = urlsplit(url)
        yield urlunsplit(parts._replace(netloc=parts.netloc.replace(f"{parts.username}", name, 1)))
    finally:
        await look(server, f"DROP OWNED BY {name}")
        await look(server, f"DROP ROLE {name}")


async def test_documented_privileges_are_sufficient(postgres_server: str, postgres_url: str) -> None:
    await used(postgres_url)
    async with another_user(postgres_server, postgres_url, "SELECT, INSERT, UPDATE") as url:
        schema = url.rpartition("=")[2]
        tables = f"{schema}.order_tags, {schema}.personal_data, {schema}.records"
        await look(postgres_server, f"GRANT DELETE ON {tables} TO user_{schema}")
        store = PostgresOrderRepository(url, migrate=False)
        order = pending_order()
        order.add_personal_data(personal_data(), salt_of(1))
        await store.save(order)
        order.tags = ()
        await store.save(order)
        order.erase_personal_data(at=order.updated_at)
        await store.save(order)
        await store.purge()
        assert len((await store.read_changes(0, 5)).changes) == 3
        await store.api_keys().add(api_key())
        await store.api_keys().note_use(api_key().id, USED)
        assert await store.api_keys().revoke(api_key().id, USED)
        await store.close()


async def test_missing_privilege_is_reported(postgres_server: str, postgres_url: str) -> None:
    await used(postgres_url)
    async with another_user(postgres_server, postgres_url, "SELECT") as url:
        store = PostgresOrderRepository(url, migrate=False)
        with pytest.raises(StoreUnusable, match="GRANT SELECT, INSERT, UPDATE"):
            await store.save(pending_order())
        await store.close()


async def test_altered_tables_are_reported(postgres_url: str) -> None:
    await used(postgres_url)
    await look(postgres_url, "DROP TABLE order_tags")
    store = PostgresOrderRepository(postgres_url)

    with pytest.raises(StoreUnusable, match="tables or columns are missing"):
        await store.save(pending_order(2))
    await store.close()


async def test_deleted_row_of_the_feed_is_reported(postgres_url: str) -> None:
    await used(postgres_url)
    await look(postgres_url, "DELETE FROM feed")
    store = PostgresOrderRepository(postgres_url)

    with pytest.raises(StoreUnusable, match="stored orders are inconsistent"):
        await store.save(pending_order(2))
    with pytest.raises(StoreUnusable, match="the stored data was altered"):
        await store.read_changes(0, 5)
    await store.close()
