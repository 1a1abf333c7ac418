"""Reads: exact in time and byte by byte, from any event loop, and never an error that is not ours."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.dtos import OrderDTO
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository, connections
from orderkeep.infrastructure.serialization import commit_of
from orderkeep.testing.orders import SINCE, pending_order, small_order
from tests.servers.schemas import look

OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresOrderRepository]:
    store = PostgresOrderRepository(postgres_url)
    await store.save(pending_order(1))
    yield store
    await store.close()


async def test_document_is_returned_as_written(store: PostgresOrderRepository, postgres_url: str) -> None:
    order = small_order("order-2", user_id="Zoë Ağaoğlu 🦊", metadata={"zz": "1", "a": "2", "mm": "3"})
    written = commit_of(order).order.document
    await store.save(order)
    found = await store.get_snapshot("order-2")
    [(kept, sorted_anew)] = await look(
        postgres_url, "SELECT document::text, document::jsonb::text FROM orders WHERE id = 'order-2'"
    )

    assert found is not None
    assert found.json == written == kept.encode()
    assert sorted_anew.encode() != written, "were it jsonb, another text would be answered than the one that is hashed"


@pytest.mark.parametrize(
    "alteration",
    [
        "UPDATE orders SET document = '{}', schema = 0",
        "UPDATE orders SET document = replace(document::text, '\"total\"', '\"nix\"')::json, schema = 0",
        "UPDATE orders SET requests = '[]', document = '[]', schema = 0",
    ],
)
async def test_unreadable_order_is_an_error_of_the_store(
    store: PostgresOrderRepository, postgres_url: str, alteration: str
) -> None:
    await look(postgres_url, alteration)

    for attempt in (store.get_by_id("order-1"), store.get_snapshot("order-1")):
        with pytest.raises(StoreUnusable, match="cannot be read: the stored data was altered"):
            await attempt


@pytest.mark.parametrize("alteration", ["events = '{}'", "document = '{\"id\": 1}'"])
async def test_unreadable_change_is_an_error_of_the_store(
    store: PostgresOrderRepository, postgres_url: str, alteration: str
) -> None:
    await look(postgres_url, f"UPDATE changes SET {alteration}")

    for attempt in (store.get_change("order-1", 1), store.list_changes("order-1", 0, 9), store.read_changes(0, 9)):
        with pytest.raises(StoreUnusable, match="cannot be read: the stored data was altered"):
            await attempt


async def test_slow_statement_is_reported(
    store: PostgresOrderRepository, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "COMMAND_SECONDS", 0.05)
    hurried = PostgresOrderRepository(postgres_url)
    with pytest.raises(StoreUnavailable, match="did not respond in time"):
        await hurried._rows("SELECT pg_sleep(60)")
    assert await hurried.get_by_id("order-1") is not None
    await hurried.close()


async def test_exhausted_pool_is_reported(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ACQUIRE_SECONDS", 0.05)
    store = PostgresOrderRepository(postgres_url, pool_size=1)
    await store.ping()
    async with store._connections.transaction():
        with pytest.raises(StoreUnavailable, match="did not respond in time"):
            await store.get_by_id("order-1")
    assert await store.get_by_id("order-1") is None
    await store.close()


async def test_closed_store_returns_nothing(store: PostgresOrderRepository) -> None:
    await store.close()
    for attempt in (store.get_by_id("order-1"), store.ping(), store.read_changes(0, 5)):
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            await attempt


def test_every_event_loop_has_connections_of_its_own_and_leaves_none_behind(
    postgres_server: str, postgres_url: str
) -> None:
    name = f"loops-{postgres_url[-12:]}"
    store = PostgresOrderRepository(f"{postgres_url}&application_name={name}")
    wrong: list[object] = []
    start = threading.Barrier(8)

    async def work(number: int) -> None:
        order = small_order(f"order-{number}", total=number)
        await store.save(order)
        kept = await asyncio.gather(*(store.get_by_id(order.id) for _ in range(5)))
        wrong.extend(found for found in kept if found is None or OrderDTO.of(found) != OrderDTO.of(order))

    def run(number: int) -> None:
        start.wait()
        try:
            asyncio.run(work(number))
        except Exception as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store._connections._homes == {}
    asyncio.run(no_connection_is_left(postgres_server, name))


async def no_connection_is_left(server: str, name: str) -> None:
    async with asyncio.timeout(30):
        while await look(server, OURS, name) != [(0,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_closing_finishes_a_save_that_is_under_way(postgres_url: str) -> None:
    store = PostgresOrderRepository(postgres_url)
    await store.ping()
    saving = [asyncio.create_task(store.save(small_order(f"order-{n}", at=SINCE))) for n in range(5)]
    await asyncio.sleep(0)
    await store.close()
    answers = await asyncio.gather(*saving, return_exceptions=True)

    again = PostgresOrderRepository(postgres_url)
    for number, answer in enumerate(answers):
        kept = await again.get_by_id(f"order-{number}")
        assert (kept is not None) if isinstance(answer, tuple) else isinstance(answer, StoreUnavailable), answer
    await again.close()


async def test_leaves_no_connection_behind_where_it_is_closed_while_it_connects(postgres_url: str) -> None:
    store = PostgresOrderRepository(postgres_url)
    reading = asyncio.create_task(store.ping())
    await asyncio.sleep(0)
    await store.close()

    with pytest.raises(StoreUnavailable, match="the store is closed"):
        await reading
    assert store._connections._homes == {}
