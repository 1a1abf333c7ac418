"""Reads: from any thread, with no snapshot left open, exact in time, and never an error that is not ours."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderkeep.application.ports import OrderFilter
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository, connections
from orderkeep.testing.stores import list_orders
from tests.infrastructure.sqlite_samples import an_order, look


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteOrderRepository]:
    store = SqliteOrderRepository(path)
    await store.save(an_order(1))
    yield store
    await store.close()


async def test_document_is_returned_as_stored(store: SqliteOrderRepository, path: Path) -> None:
    await store.save(an_order(2, user_id="Zoë Ağaoğlu 🦊"))
    found = await store.get_snapshot("order-2")
    [(kind, kept)] = look(path, "SELECT typeof(document), CAST(document AS BLOB) FROM orders WHERE id = 'order-2'")

    assert found is not None
    assert found.json == kept
    assert kind == "text"
    assert "Zoë Ağaoğlu 🦊".encode() in kept


@pytest.mark.parametrize(
    "alteration",
    [
        "UPDATE orders SET document = '{bad'",
        "UPDATE orders SET document = '{}', schema = 0",
        "UPDATE orders SET document = replace(document, '9961', '\"much\"'), schema = 0",
        "UPDATE orders SET document = replace(document, 'EUR', 'XXX'), created_at = 'soon'",
        "UPDATE orders SET requests = '[]', created_at = 9e18",
        "UPDATE orders SET document = x'7bff7d', schema = 0",
    ],
)
async def test_unreadable_order_is_an_error_of_the_store(
    store: SqliteOrderRepository, path: Path, alteration: str
) -> None:
    look(path, alteration)

    with pytest.raises(StoreUnusable, match="cannot be read: the stored data was altered"):
        await store.get_by_id("order-1")
    if "document = '{bad'" not in alteration:  # a snapshot is answered as it is kept
        with pytest.raises(StoreUnusable, match="cannot be read"):
            await store.get_snapshot("order-1")


@pytest.mark.parametrize(
    "alteration", ["events = '['", "document = '{\"id\": 1}'", "at = 'soon'", "at = -9e18", "events = x'ff'"]
)
async def test_unreadable_change_is_an_error_of_the_store(
    store: SqliteOrderRepository, path: Path, alteration: str
) -> None:
    look(path, f"UPDATE changes SET {alteration}")

    for attempt in (store.get_change("order-1", 1), store.list_changes("order-1", 0, 9), store.read_changes(0, 9)):
        with pytest.raises(StoreUnusable, match="cannot be read: the stored data was altered"):
            await attempt


async def test_no_read_keeps_a_snapshot_open(store: SqliteOrderRepository, path: Path) -> None:
    await store.get_by_id("order-1")
    await store.get_snapshot("order-1")
    await store.list_page(OrderFilter(), None, 1)
    await store.list_changes("order-1", 0, 1)
    await store.read_changes(0, 1)
    await store.ping()

    [(busy, frames, moved)] = look(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert (busy, frames, moved) == (0, 0, 0)


async def test_a_read_connection_cannot_write(store: SqliteOrderRepository) -> None:
    with pytest.raises(Exception, match="SQLITE_READONLY"):
        store._readers.rows("DELETE FROM orders", ())


async def test_reads_on_one_loop_share_one_connection(store: SqliteOrderRepository) -> None:
    for _ in range(3):
        await asyncio.gather(*(store.get_by_id("order-1") for _ in range(5)))

    assert len(store._readers._idle) == 1


def test_threads_read_at_once_while_others_write(path: Path) -> None:
    store = SqliteOrderRepository(path)
    asyncio.run(store.save(*(an_order(number) for number in range(1, 11))))
    wrong: list[object] = []
    start = threading.Barrier(13)

    async def read() -> None:
        for _ in range(100):
            ids = [order.id for order in await list_orders(store)]
            order = await store.get_by_id("order-7")
            if ids[-10:] != [f"order-{number}" for number in range(10, 0, -1)] or order is None or order.version != 1:
                wrong.append(ids)

    async def write() -> None:
        for number in range(11, 61):
            await store.save(an_order(number))

    def run(work: object) -> None:
        start.wait()
        try:
            asyncio.run(work())  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=run, args=[work]) for work in [read] * 12 + [write]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 1 <= len(store._readers._idle) <= connections.MOST_IDLE_READERS
    asyncio.run(store.close())
    assert len(store._readers._idle) == 0


def test_a_connection_that_reads_while_the_store_closes_is_closed_when_it_is_done(path: Path) -> None:
    store = SqliteOrderRepository(path)
    in_use = store._readers._take()
    asyncio.run(store.close())
    store._readers._give_back(in_use)

    with pytest.raises(Exception, match="closed database"):
        in_use.execute("SELECT 1")
