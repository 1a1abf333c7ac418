"""Records in the store of the orders, in all four stores: no list of orders shows them, and a restart keeps them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orderkeep.application.ports import OrderStore, StoreAccess
from orderkeep.application.records import KeepsRecords, Record, RecordStore
from orderkeep.bootstrap import build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.infrastructure.sqlite_repo.backup import back_up
from orderkeep.testing.orders import pending_order
from orderkeep.testing.stores import read_all

RECORDS = [Record("webhook", "w1", '{"url": "https://example.com"}'), Record("webhook-progress", "w1", '{"after": 7}')]


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[OrderStore]:
    store = open_store(store_url)
    yield store
    await store.close()


def records_of(store: OrderStore) -> RecordStore:
    assert isinstance(store, KeepsRecords)
    return store.records()


async def all_of(store: OrderStore) -> list[Record]:
    records = records_of(store)
    return [found for record in RECORDS for found in await records.list_records(record.kind)]


async def test_no_list_feed_export_or_verification_of_orders_shows_a_record(store: OrderStore) -> None:
    await store.save(pending_order())
    before = await read_all(store)
    records = records_of(store)
    first, second = await records.write_records(RECORDS)
    await records.write_records([replace(second, content="{}")], [first])
    assert await read_all(store) == before
    report = await build_use_cases(store).verify_orders.execute()
    assert (report.orders, report.changes, report.problems) == (1, 1, [])


async def test_records_outlive_the_store_that_was_open(store_url: str, store: OrderStore) -> None:
    if store_url == "memory://":
        return
    written = await records_of(store).write_records(RECORDS)
    await store.close()
    again = open_store(store_url)
    assert await all_of(again) == written
    await again.close()


async def test_writes_no_record_once_the_store_is_closed(store: OrderStore) -> None:
    records = records_of(store)
    await records.write_records(RECORDS[:1])
    await store.close()
    with pytest.raises(StoreUnavailable):
        await records.write_records(RECORDS[1:])


async def test_reader_of_a_file_and_of_its_backup_finds_the_records(tmp_path: Path) -> None:
    path, copy = tmp_path / "orders.db", tmp_path / "copy.db"
    store = SqliteOrderRepository(path)
    written = await store.records().write_records(RECORDS)
    back_up(path, copy)
    await store.close()
    for file in (path, copy):
        reader = SqliteOrderRepository(file, access=StoreAccess.READ)
        assert await all_of(reader) == written
        with pytest.raises(StoreUnusable, match="opened for reading only"):
            await reader.records().write_records([], written)
        await reader.close()
