"""The file: made once, and brought up to date in one transaction."""

import asyncio
import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository, connections, writer
from orderkeep.testing.api_keys import api_key
from orderkeep.testing.personal_data import personal_data, problems_of, salt_of
from tests.infrastructure.sqlite_samples import an_order, look


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


async def saved(path: Path | str) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order())
    await store.close()


async def test_new_file_has_application_id_schema_and_log(path: Path) -> None:
    await saved(path)

    assert look(path, "PRAGMA application_id") == [(0x6F72646B,)]
    assert look(path, "PRAGMA user_version") == [(5,)]
    assert look(path, "PRAGMA journal_mode") == [("wal",)]


async def test_commits_are_fully_synchronous(path: Path) -> None:
    store = SqliteOrderRepository(path)

    assert store._writer._connection.execute("PRAGMA synchronous").fetchall() == [(2,)]
    assert store._writer._connection.execute("PRAGMA fullfsync").fetchall() == [(1,)]
    assert store._writer._connection.execute("PRAGMA secure_delete").fetchall() == [(1,)]
    await store.close()


async def test_connections_have_a_cache(path: Path) -> None:
    store = SqliteOrderRepository(path)
    await store.get_by_id("an-order")

    for connection in (store._writer._connection, *store._readers._idle):
        assert connection.execute("PRAGMA cache_size").fetchall() == [(-16_000,)]  # KiB
    await store.close()


async def test_saved_order_is_found_after_reopening(path: Path) -> None:
    await saved(path)
    store = SqliteOrderRepository(str(path))

    assert await store.get_by_id("order-1") == replace(an_order(), version=1)
    await store.close()


async def test_close_removes_log_files(path: Path) -> None:
    await saved(path)

    assert os.listdir(path.parent) == ["orders.db"]  # noqa: PTH208


async def test_path_with_url_characters_is_used_as_is(tmp_path: Path) -> None:
    path = tmp_path / "100% our?mode=ro#orders.db"
    await saved(path)

    assert path.is_file()


async def test_relative_path_is_resolved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteOrderRepository("orders.db")
    monkeypatch.chdir("/")
    await store.save(an_order())

    assert await store.get_by_id("order-1") is not None
    await store.close()


def test_concurrent_processes_create_the_file_once(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / f"{attempt}.db"
        start = threading.Barrier(4)
        failures: list[Exception] = []

        def make(path: Path = path, start: threading.Barrier = start, failures: list[Exception] = failures) -> None:
            start.wait()
            try:
                asyncio.run(SqliteOrderRepository(path).close())
            except StoreUnavailable as error:
                failures.append(error)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert look(path, "PRAGMA user_version") == [(5,)]


def test_open_waits_for_a_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        # SQLite itself does not wait here, so the store does: and then the other one is done.
        monkeypatch.setattr("time.sleep", lambda _: somebody.execute("COMMIT"))
        asyncio.run(SqliteOrderRepository(path).close())

    assert look(path, "PRAGMA user_version") == [(5,)]


def test_open_fails_after_waiting_for_a_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="find out which process has it open"):
            SqliteOrderRepository(path)


def with_migrations(path: Path, folder: Path, *scripts: str) -> None:
    folder.mkdir(exist_ok=True)
    for number, script in enumerate(scripts, start=1):
        (folder / f"{number:04}_step.sql").write_text(script)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connections.prepare(connection, path, folder)


FIRST = "CREATE TABLE one (a); -- a comment; with a semicolon\nINSERT INTO one VALUES ('x;y');\n"


def test_older_file_gets_missing_migrations(path: Path, tmp_path: Path) -> None:
    with_migrations(path, tmp_path / "then", FIRST)
    with_migrations(path, tmp_path / "now", FIRST, "ALTER TABLE one ADD COLUMN b; UPDATE one SET b = 2;")

    assert look(path, "SELECT a, b FROM one") == [("x;y", 2)]
    assert look(path, "PRAGMA user_version") == [(2,)]


ADDED = {
    2: "DROP TABLE api_keys",
    3: "DROP TABLE checkpoints; ALTER TABLE changes DROP COLUMN schema; ALTER TABLE changes DROP COLUMN fingerprint",
    4: "DROP TABLE personal_data",
    5: "DROP TABLE records",
}
"""What removes what each schema added."""


@pytest.mark.parametrize("schema", [1, 2, 3, 4])
async def test_file_of_an_older_schema_is_migrated_and_keeps_its_orders(path: Path, schema: int) -> None:
    await saved(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for added, remove in ADDED.items():
            connection.executescript(remove if added > schema else "")
        connection.execute(f"PRAGMA user_version = {schema}")
    store = SqliteOrderRepository(path)

    assert await store.migrate() == (schema, 5)
    order = await store.get_by_id("order-1")
    assert order == replace(an_order(), version=1)
    assert await store.api_keys().add(api_key())
    order.set_personal_data(personal_data(), salt_of(1), at=order.created_at)
    await store.save(order)
    assert [record.data for record in (await store.get_personal_data(["order-1"])).values()] == [personal_data()]
    # Verification of changes without the columns of schema 3 has a test of its own: here, their hash includes them.
    assert await problems_of(store) == ["the change does not match its hash"] * (schema < 3)
    await store.close()


def test_failed_migration_changes_nothing(path: Path, tmp_path: Path) -> None:
    with_migrations(path, tmp_path / "then", FIRST)
    with pytest.raises(sqlite3.OperationalError):
        with_migrations(path, tmp_path / "now", FIRST, "CREATE TABLE two (b);", "CREATE TABLE one (a);")

    assert look(path, "SELECT name FROM sqlite_master") == [("one",)]
    assert look(path, "PRAGMA user_version") == [(1,)]


def test_migration_may_end_with_a_comment_but_not_within_a_statement(path: Path, tmp_path: Path) -> None:
    with_migrations(path, tmp_path / "then", FIRST + "-- that is all; no more")
    with pytest.raises(sqlite3.OperationalError):
        with_migrations(path, tmp_path / "now", FIRST, "ALTER TABLE one ADD COLUMN b; CREATE TABLE two (b")

    assert look(path, "PRAGMA user_version") == [(1,)]


def test_file_without_a_write_ahead_log_is_rejected(path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(StoreUnusable, match="to a local disk"):
        connections.prepare(connection, path)
