"""The feed of PostgreSQL: a slow transaction delays the feed and is not skipped."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import OrderStore, StoreAccess
from orderkeep.application.records import Record
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository, repository
from orderkeep.infrastructure.postgres_repo.queries import (
    MOST_NUMBERED,
    NUMBER_CHANGES,
    POSITION_OF_CHANGE,
    POSITIONS,
    READ_CHANGES,
    READ_UNNUMBERED,
    write_of,
)
from orderkeep.infrastructure.serialization import commit_of
from orderkeep.testing.orders import pending_order
from orderkeep.testing.stores import read_feed, save_all
from tests.servers import postgres
from tests.servers.schemas import a_schema_of_its_own, look

NEVER_PAST_THE_OLDEST = "AND changes.tx < edge.tx"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.PostgresServer]:
    # Of its own: what is held open here holds back the feeds of all who use a server together.
    server = postgres.start(tmp_path_factory.mktemp("postgres"), *postgres.IN_A_HURRY)
    yield server
    server.stop()


@pytest.fixture
def url(server: postgres.PostgresServer) -> Iterator[str]:
    with a_schema_of_its_own(server.url) as url:
        yield url


@pytest.fixture
async def store(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresOrderRepository]:
    monkeypatch.setattr(repository, "FEED_PATIENCE_SECONDS", 0.01)
    store = PostgresOrderRepository(url)
    await store.ping()
    yield store
    await store.close()


@asynccontextmanager
async def about_to_commit(url: str, order: Order) -> AsyncIterator[Any]:
    """Save an order up to the point where only COMMIT is missing, which whoever asks may send."""
    connection = await asyncpg.connect(url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        statement, parameters = write_of(commit_of(order))
        assert await connection.fetch(statement, *parameters)
        yield transaction
    finally:
        await connection.close()


async def fed(store: OrderStore) -> list[str]:
    return [change.order_id for change in await read_feed(store)]


async def followed_past_a_slow_commit(store: PostgresOrderRepository, url: str) -> list[str]:
    """Read on and on while the first of three orders is the last to be committed; return what came."""
    async with about_to_commit(url, pending_order(1)) as slow:
        await store.save(pending_order(2))
        page = await store.read_changes(0, 10)
        await slow.commit()
        await store.save(pending_order(3))
    rest = await store.read_changes(page.position, 10)
    return [change.order_id for change in (*page.changes, *rest.changes)]


async def test_waits_for_a_slow_commit_and_skips_nothing(store: PostgresOrderRepository, url: str) -> None:
    assert await followed_past_a_slow_commit(store, url) == ["order-1", "order-2", "order-3"]


async def test_a_cursor_by_insert_order_would_skip_it(
    store: PostgresOrderRepository, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, statement in {"READ_CHANGES": READ_CHANGES, "NUMBER_CHANGES": NUMBER_CHANGES}.items():
        assert NEVER_PAST_THE_OLDEST in statement
        monkeypatch.setattr(repository, name, statement.replace(NEVER_PAST_THE_OLDEST, ""))

    assert await followed_past_a_slow_commit(store, url) == ["order-2", "order-3"]


async def test_rolled_back_transaction_does_not_delay_the_feed(store: PostgresOrderRepository, url: str) -> None:
    async with about_to_commit(url, pending_order(1)) as slow:
        await store.save(pending_order(2))
        assert await fed(store) == []
        await slow.rollback()
    assert await fed(store) == ["order-2"]


async def test_gives_what_is_settled_while_the_rest_is_held_back(store: PostgresOrderRepository, url: str) -> None:
    await store.save(pending_order(1))
    async with about_to_commit(url, pending_order(2)):
        await store.save(pending_order(3))
        assert await fed(store) == ["order-1"]


async def test_settled_feed_for_checkpoints_ends_before_a_slow_commit(store: PostgresOrderRepository, url: str) -> None:
    await store.save(pending_order(1))
    async with about_to_commit(url, pending_order(2)):
        await store.save(pending_order(3))
        assert [entry.order_id async for entry in store.feed_entries(settled=True)] == ["order-1"]
        assert [entry.order_id async for entry in store.feed_entries()] == ["order-1", "order-3"]


async def test_waits_a_while_so_that_a_reader_finds_what_was_just_saved(
    store: PostgresOrderRepository, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "FEED_PATIENCE_SECONDS", 60)
    async with about_to_commit(url, pending_order(1)) as slow:
        await store.save(pending_order(2))
        reading = asyncio.create_task(store.read_changes(0, 10))
        await asyncio.sleep(0.05)
        await slow.commit()
        page = await reading
    assert [change.order_id for change in page.changes] == ["order-1", "order-2"]


async def test_many_readers_assign_each_position_once_in_steps(
    store: PostgresOrderRepository, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = NUMBER_CHANGES.replace(f"LIMIT {MOST_NUMBERED}", "LIMIT 7")
    assert steps != NUMBER_CHANGES
    monkeypatch.setattr(repository, "NUMBER_CHANGES", steps)
    orders = [pending_order(number) for number in range(1, 101)]
    await save_all(store, orders)
    readers = [PostgresOrderRepository(url) for _ in range(6)]
    feeds = await asyncio.gather(*(read_feed(reader, size=30) for reader in readers))
    assert [len({change.order_id for change in feed}) for feed in feeds] == [100] * 6
    assert all(feed == feeds[0] for feed in feeds)
    positions = await look(url, "SELECT position FROM feed_positions ORDER BY tx, place")
    assert positions == [(number,) for number in range(1, 101)]
    for reader in readers:
        await reader.close()


async def test_reads_no_more_of_the_changes_than_a_page(store: PostgresOrderRepository, url: str) -> None:
    for number in range(10):
        await store.save(*(pending_order(100 * number + each) for each in range(100)))
    await store.read_changes(0, 10)
    for statement, parameters in (
        (READ_CHANGES, (990, 5)),
        (READ_UNNUMBERED, (990, 5)),
        (NUMBER_CHANGES, ()),
        (POSITION_OF_CHANGE, ("order-1", 1)),
        (POSITIONS, (0, 0)),
    ):
        plan = "\n".join(row[0] for row in await store._rows(f"EXPLAIN {statement}", *parameters))
        assert "changes" in plan
        assert "Seq Scan on changes" not in plan, plan
        assert "Seq Scan on feed_positions" not in plan, plan


async def test_reader_that_cannot_write_gets_the_same_positions_and_assigns_none(
    store: PostgresOrderRepository, url: str
) -> None:
    await store.save(pending_order(3), pending_order(1))
    assert len(await read_feed(store)) == 2
    await store.save(pending_order(4), pending_order(2), pending_order(5))
    await store.save(pending_order(7), pending_order(6))
    read_only = PostgresOrderRepository(url, access=StoreAccess.READ)
    feeds = [await read_feed(read_only, after, size) for after in range(8) for size in (1, 2, 9)]
    places = [(change.order_id, await read_only.position_of_change(change.order_id, 1)) for change in feeds[2]]
    assert [order_id for order_id, _ in places] == [f"order-{number}" for number in (3, 1, 4, 2, 5, 7, 6)]
    assert [position for _, position in places] == [*range(1, 8)]
    with pytest.raises(InvalidCursor):
        await read_only.read_changes(8, 5)
    async with about_to_commit(url, pending_order(8)):
        await store.save(pending_order(9))
        assert await read_only.position_of_change("order-9", 1) is None
        assert await store.position_of_change("order-9", 1) is None
        with pytest.raises(InvalidCursor):
            await read_only.read_changes(8, 5)
    await read_only.close()
    assert await look(url, "SELECT count(*) FROM feed_positions") == [(2,)]

    assert [await store.position_of_change(order_id, 1) for order_id, _ in places] == [*range(1, 8)]
    numbered = await read_feed(store)
    assert feeds == [numbered[after:7] for after in range(8) for _ in range(3)]


@pytest.mark.parametrize(
    "alteration",
    [
        "DELETE FROM feed_positions WHERE position = 2",
        "DELETE FROM feed_positions WHERE position < 3",
        "UPDATE feed_positions SET position = 9 WHERE position = 4",
        (
            "UPDATE feed_positions SET position = position - 5 WHERE position < 3; "
            "UPDATE feed_positions SET position = -2 - position WHERE position < 0"
        ),
        "INSERT INTO feed_positions VALUES (5, 1, 0)",
        "INSERT INTO feed_positions SELECT 5, max(tx) + 1, 0 FROM changes",
        "UPDATE feed_positions SET tx = 1 WHERE position = 4",
        "DELETE FROM changes WHERE order_id = 'order-4'",
    ],
)
async def test_verify_compares_positions_and_changes(store: PostgresOrderRepository, url: str, alteration: str) -> None:
    for number in range(1, 5):
        await store.save(pending_order(number))
    assert await store.find_damage() == []
    await fed(store)
    await store.save(pending_order(5))
    assert await store.find_damage() == []
    for statement in alteration.split("; "):
        await look(url, statement)
    assert await store.find_damage() == ["the table feed_positions differs from the changes"]


async def test_deleted_position_is_reported_and_not_skipped(store: PostgresOrderRepository, url: str) -> None:
    for number in range(1, 5):
        await store.save(pending_order(number))
    await fed(store)
    await look(url, "DELETE FROM feed_positions WHERE position = 2")
    with pytest.raises(StoreUnusable, match="the stored data was altered"):
        await store.read_changes(0, 5)


async def test_numbers_the_orders_of_one_save_as_they_were_given(store: PostgresOrderRepository) -> None:
    await store.save(pending_order(3), pending_order(1), pending_order(2))
    assert await fed(store) == ["order-3", "order-1", "order-2"]


async def test_locks_the_orders_of_one_save_by_id_so_that_two_saves_cannot_deadlock(
    store: PostgresOrderRepository, url: str
) -> None:
    first, second = pending_order(1), pending_order(2)
    await store.save(first, second)
    for order in (first, second):
        order.confirm(at=order.updated_at)
    async with about_to_commit(url, first) as other:
        saving = asyncio.create_task(store.save(second, first))
        async with asyncio.timeout(30):
            while not await look(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await look(url, "SELECT id FROM orders WHERE id = 'order-2' FOR UPDATE NOWAIT") == [("order-2",)]
        await other.rollback()
    await saving
    assert (first.version, second.version) == (2, 2)


async def test_locks_records_by_key_so_that_two_transactions_cannot_deadlock(
    store: PostgresOrderRepository, url: str
) -> None:
    written = await store.records().write_records([Record("cursor", "a", "1"), Record("cursor", "b", "1")])
    lock = "SELECT id FROM records WHERE id = '{}' FOR UPDATE NOWAIT"
    other = await asyncpg.connect(url)
    transaction = other.transaction()
    await transaction.start()
    await other.fetch(lock.format("a"))
    writing = asyncio.create_task(store.records().write_records(written[::-1]))
    try:
        async with asyncio.timeout(30):
            while not await look(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await look(url, lock.format("b")) == [("b",)]
    finally:
        await other.close()
        found = await writing
    assert [record.version for record in found] == [2, 2]


async def test_feed_continues_after_a_dump_with_higher_transaction_numbers(
    server: postgres.PostgresServer, url: str, store: PostgresOrderRepository, tmp_path: Path
) -> None:
    for number in range(1, 200):
        await store.save(pending_order(number))
    position = (await store.read_changes(0, 100)).position
    schema = url.partition("search_path=")[2]
    dump = await asyncio.to_thread(server.run, "pg_dump", "--schema", schema, "postgres")
    (tmp_path / "dump.sql").write_text(dump)
    other = await asyncio.to_thread(postgres.start, tmp_path, *postgres.IN_A_HURRY)
    try:
        await asyncio.to_thread(other.run, "psql", "--quiet", "--file", str(tmp_path / "dump.sql"), "postgres")
        there = f"{other.url}?search_path={schema}"
        [(newest, running)] = await look(
            there, "SELECT max(tx), pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM changes"
        )
        assert newest > running, "the numbers of this server are no lower"
        restored = PostgresOrderRepository(there)
        await restored.save(pending_order(500))

        expected = [f"order-{number}" for number in (*range(1, 200), 500)]
        assert await fed(restored) == expected
        assert [change.order_id for change in await read_feed(restored, position)] == expected[100:]
        await restored.close()
    finally:
        await asyncio.to_thread(other.stop)
