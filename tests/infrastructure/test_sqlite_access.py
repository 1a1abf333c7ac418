"""Access modes: reading changes no byte and creates no file; only creating creates one, for its owner alone."""

# ruff: noqa: ASYNC240  # the files are small

import asyncio
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from orderkeep.application.ports import StoreAccess
from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing.api_keys import api_key
from tests.infrastructure.sqlite_samples import an_order, look


async def saved(path: Path, number: int = 1) -> None:
    store = SqliteOrderRepository(path)
    await store.save(an_order(number))
    await store.close()


async def read(path: Path) -> list[str]:
    """Return the ids of all orders, after every kind of read."""
    store = SqliteOrderRepository(path, access=StoreAccess.READ)
    try:
        assert (await VerifyOrdersUseCase(store).execute()).problems == []
        assert await store.api_keys().list_newest(None, 5) == []
        changes = (await store.read_changes(0, 100)).changes
        return [change.order.id for change in changes]
    finally:
        await store.close()


def files_in(folder: Path) -> dict[str, str]:
    return {each.name: sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()}


def with_rollback_journal(path: Path) -> None:
    look(path, "PRAGMA journal_mode = DELETE")


@pytest.mark.parametrize("change", [lambda _: None, with_rollback_journal], ids=["wal", "rollback journal"])
async def test_reading_changes_no_byte_and_leaves_no_file(path: Path, change: object) -> None:
    await saved(path)
    change(path)  # type: ignore[operator]
    before = files_in(path.parent)

    assert await read(path) == ["order-1"]
    assert files_in(path.parent) == before
    assert list(before) == ["orders.db"]


@pytest.mark.parametrize("change", [lambda _: None, with_rollback_journal], ids=["wal", "rollback journal"])
def test_reading_needs_no_write_permission(unprivileged: Path, change: object) -> None:
    path = unprivileged / "orders.db"
    asyncio.run(saved(path))
    change(path)  # type: ignore[operator]
    path.chmod(stat.S_IRUSR)
    unprivileged.chmod(stat.S_IRUSR | stat.S_IXUSR)

    assert asyncio.run(read(path)) == ["order-1"]


async def test_reading_includes_the_log_of_a_running_service(path: Path) -> None:
    service = SqliteOrderRepository(path)
    await service.save(an_order(1))
    before = files_in(path.parent)
    assert before["orders.db-wal"] != sha256(b"").hexdigest()

    assert await read(path) == ["order-1"]
    after = files_in(path.parent)
    assert (after["orders.db"], after["orders.db-wal"]) == (before["orders.db"], before["orders.db-wal"])
    await service.save(an_order(2))
    assert await read(path) == ["order-1", "order-2"]
    await service.close()


async def test_reading_includes_the_log_of_a_killed_service(path: Path, tmp_path: Path) -> None:
    service = SqliteOrderRepository(path)
    await service.save(an_order(1))
    killed = tmp_path / "killed"
    killed.mkdir()
    for each in list(tmp_path.glob("orders.db*")):
        shutil.copy(each, killed)
    await service.close()
    before = files_in(killed)

    assert await read(killed / "orders.db") == ["order-1"]
    after = files_in(killed)
    assert {**after, "orders.db-shm": ""} == {**before, "orders.db-shm": ""}


async def test_reader_sees_what_a_writer_commits_after_it_was_opened(path: Path) -> None:
    await saved(path, 1)
    reader = SqliteOrderRepository(path, access=StoreAccess.READ)
    assert await reader.get_by_id("order-2") is None

    await saved(path, 2)  # and the log is gone again
    assert await reader.get_by_id("order-2") is not None
    writer = SqliteOrderRepository(path)
    await writer.save(an_order(3))
    assert await reader.get_by_id("order-3") is not None
    await writer.close()
    await reader.close()


async def test_store_opened_to_read_rejects_writes(path: Path) -> None:
    await saved(path)
    before = files_in(path.parent)
    store = SqliteOrderRepository(path, access=StoreAccess.READ)

    with pytest.raises(StoreUnusable, match="opened for reading only"):
        await store.save(an_order(2))
    with pytest.raises(StoreUnusable, match="opened for reading only"):
        await store.api_keys().add(api_key())
    await store.close()
    assert files_in(path.parent) == before


@pytest.mark.parametrize("access", [StoreAccess.READ, StoreAccess.WRITE])
def test_missing_file_is_reported_and_not_created(path: Path, access: StoreAccess) -> None:
    with pytest.raises(StoreUnusable, match=r"orders\.db does not exist: use the directory .*with `orderkeep migrate`"):
        SqliteOrderRepository(path, access=access)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("access", [StoreAccess.READ, StoreAccess.WRITE])
def test_empty_file_is_reported_and_stays_empty(path: Path, access: StoreAccess) -> None:
    path.touch()
    with pytest.raises(StoreUnusable, match=r"orders\.db is empty: .*`orderkeep migrate`"):
        SqliteOrderRepository(path, access=access)
    assert files_in(path.parent) == {"orders.db": sha256(b"").hexdigest()}


async def test_older_schema_is_migrated_to_write_and_not_to_read(path: Path) -> None:
    await saved(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "DROP TABLE api_keys; DROP TABLE checkpoints; DROP TABLE personal_data; DROP TABLE records"
        )
        connection.execute("PRAGMA user_version = 1")
        for column in ("schema", "fingerprint"):  # with the tables, all that schemas 2 to 5 added
            connection.execute(f"ALTER TABLE changes DROP COLUMN {column}")
    before = files_in(path.parent)

    with pytest.raises(StoreUnusable, match=r"has schema 1, .* run `orderkeep migrate`, for a backup on a copy"):
        SqliteOrderRepository(path, access=StoreAccess.READ)
    assert files_in(path.parent) == before
    store = SqliteOrderRepository(path, access=StoreAccess.WRITE)
    assert await store.migrate() == (1, 5)
    await store.close()


def test_directory_that_cannot_be_searched_is_reported(unprivileged: Path) -> None:
    inner = unprivileged / "inner"
    inner.mkdir()
    asyncio.run(saved(inner / "orders.db"))
    inner.chmod(0)
    try:
        with pytest.raises(StoreUnusable, match=r"orders\.db cannot be accessed: grant this user"):
            SqliteOrderRepository(inner / "orders.db", access=StoreAccess.READ)
    finally:
        inner.chmod(stat.S_IRWXU)


async def test_new_files_are_accessible_to_their_owner_only(path: Path) -> None:
    umask = os.umask(0)
    try:
        store = SqliteOrderRepository(path)
        await store.save(an_order())
    finally:
        os.umask(umask)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(("orders.db", "orders.db-wal", "orders.db-shm"), 0o600)
    await store.close()


async def test_mode_that_was_set_is_kept_for_all_files(path: Path) -> None:
    await saved(path)
    path.chmod(0o660)
    store = SqliteOrderRepository(path)
    await store.save(an_order(2))
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(("orders.db", "orders.db-wal", "orders.db-shm"), 0o660)
    await store.close()
