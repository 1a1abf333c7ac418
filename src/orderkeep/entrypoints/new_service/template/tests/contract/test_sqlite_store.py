"""The SQLite store keeps the contract; and what is particular to a file."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sample_service.application.ports import SampleItemStore
from sample_service.domain.exceptions import StoreUnusable
from sample_service.infrastructure.sqlite_repo import SqliteSampleItemRepository
from tests.contract.contract import StoreContract, load
from tests.contract.outbox import OutboxContract  # with: webhooks
from tests.sample_items import stored


class TestSqliteStore(StoreContract, OutboxContract):  # with: webhooks: , OutboxContract
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SampleItemStore]:
        store = SqliteSampleItemRepository(tmp_path / "store.db")
        yield store
        await store.close()


async def test_sample_items_survive_a_restart(tmp_path: Path) -> None:
    first = SqliteSampleItemRepository(tmp_path / "store.db")
    await stored(first)
    await first.close()
    second = SqliteSampleItemRepository(tmp_path / "store.db")
    assert (await load(second, "item-1")).version == 1
    await second.close()


async def test_concurrent_saves_share_a_commit(tmp_path: Path) -> None:
    store = SqliteSampleItemRepository(tmp_path / "store.db")
    commits: list[str] = []
    store._writer._connection.set_trace_callback(commits.append)
    await asyncio.gather(*(stored(store, f"item-{number}") for number in range(20)))
    assert commits.count("COMMIT") == 1
    await store.close()


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0"])
def test_file_of_another_program_is_rejected_and_unchanged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content.ljust(1000))
    with pytest.raises(StoreUnusable, match="is not a SQLite database"):
        SqliteSampleItemRepository(path)
    assert path.read_bytes() == content.ljust(1000)


def test_database_of_another_program_is_rejected(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    with pytest.raises(StoreUnusable, match="is another program's SQLite database"):
        SqliteSampleItemRepository(tmp_path / "store.db")


async def test_newer_schema_is_rejected(tmp_path: Path) -> None:
    await SqliteSampleItemRepository(tmp_path / "store.db").close()
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreUnusable, match="has schema 99 of a newer version"):
        SqliteSampleItemRepository(tmp_path / "store.db")


async def test_replaced_file_is_detected(tmp_path: Path) -> None:
    store = SqliteSampleItemRepository(tmp_path / "store.db")
    (tmp_path / "store.db").rename(tmp_path / "moved.db")
    with pytest.raises(StoreUnusable, match="was moved, deleted or replaced"):
        await stored(store)
    await store.close()


def test_missing_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="does not exist: create it"):
        SqliteSampleItemRepository(tmp_path / "missing" / "store.db")
