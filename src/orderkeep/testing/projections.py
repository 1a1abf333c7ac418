"""What a store must guarantee to consumers of the feed that count each change exactly once. The store must keep
records.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import OrderStore
from orderkeep.application.projections import Additions, Progress, Projection, Projector, Reading
from orderkeep.application.records import KeepsRecords, RecordStore
from orderkeep.testing.orders import small_order
from orderkeep.testing.stores import read_feed, save_a_delivered_order, save_all

EVERYTHING = [("", "order-2x"), ("order-2x", "~")]
"""All records, in two parts, so that others can write between them."""


class CountsChanges(Projection):
    """Counts the changes of each order in a record, and those of each type in another."""

    name, format = "changes", 1

    async def additions(self, changes: Sequence[ChangeDTO]) -> list[Additions]:
        for _ in range(len(changes) % 4):
            await asyncio.sleep(0)  # as one that reads the history
        return [{each.order_id: {"changes": 1}, "total": {event.type: 1 for event in each.events}} for each in changes]


def records_in(store: OrderStore) -> RecordStore:
    """Return the records of the store."""
    assert isinstance(store, KeepsRecords), "the store keeps no records: it needs a method `records`"
    return store.records()


def projector_of(store: OrderStore, page: int = 7) -> Projector:
    """Return a projector, as one process has it."""
    return Projector(store, records_in(store), CountsChanges(), page=page)


class ProjectionContract:
    """Derive from it, and add a fixture `store`: an empty store that keeps records, opened for each test and closed
    after it.
    """

    pytestmark = pytest.mark.asyncio

    @pytest.mark.parametrize("page", [1, 3, 1_000])
    async def test_counts_each_change_once_with_pages_of_any_size(self, store: OrderStore, page: int) -> None:
        await save_a_delivered_order(store)
        await save_all(store, [small_order(f"order-{number}") for number in range(2, 9)])
        await finish(projector_of(store, page))
        assert counted(await projector_of(store).read(EVERYTHING)) == await expected(store)

    async def test_a_page_that_touches_many_records_is_divided(self, store: OrderStore) -> None:
        await save_all(store, [small_order(f"order-{number:03}") for number in range(200)])
        await finish(projector_of(store, page=1_000))
        assert counted(await projector_of(store).read([("", "~")])) == await expected(store)

    async def test_projectors_at_once_count_each_change_once(self, store: OrderStore) -> None:
        async with written(store, 40):
            await asyncio.gather(*(finish(projector_of(store, page)) for page in (2, 3, 5, 7)))
        await finish(projector_of(store))
        assert counted(await projector_of(store).read(EVERYTHING)) == await expected(store)

    async def test_projector_killed_at_any_point_counts_each_change_once(self, store: OrderStore) -> None:
        await save_all(store, [small_order(f"order-{number}") for number in range(30)])
        for steps in range(60):
            task = asyncio.ensure_future(projector_of(store, page=2).advance())
            for _ in range(steps % 15):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await finish(projector_of(store))
        assert counted(await projector_of(store).read(EVERYTHING)) == await expected(store)

    async def test_reads_are_exact_for_their_position_beside_writers(self, store: OrderStore) -> None:
        await projector_of(store).start()
        last = 0
        async with written(store, 60) as writers, following(projector_of(store, page=3)):
            while not writers.done():
                reading = await projector_of(store).read(EVERYTHING)
                assert sum(each.get("changes", 0) for each in reading.records.values()) == reading.position
                assert reading.position >= last, "a later read returned an earlier position"
                last = reading.position
                await asyncio.sleep(0)

    async def test_rebuild_has_the_same_result_beside_writers(self, store: OrderStore) -> None:
        await save_all(store, [small_order(f"order-{number}") for number in range(40)])
        await finish(projector_of(store))
        reading = await projector_of(store).read(EVERYTHING)
        async with written(store, 20) as writers, following(projector_of(store)):
            rebuild = asyncio.ensure_future(projector_of(store).rebuild())
            while not (rebuild.done() and writers.done()):
                previous, reading = reading, await projector_of(store).read(EVERYTHING)
                assert reading.position >= previous.position, "readers saw what was being built"
                assert sum(each.get("changes", 0) for each in reading.records.values()) == reading.position
                await asyncio.sleep(0)
            await rebuild
        await finish(projector_of(store))
        assert counted(await projector_of(store).read(EVERYTHING)) == await expected(store)
        current, building = await projector_of(store).progress()
        assert isinstance(current, Progress)
        assert (current.generation, current.stale, building) == (2, (), None)
        assert await records_in(store).list_records("changes:1") == [], "the previous counters were not deleted"


def counted(reading: Reading) -> tuple[int, dict[str, int]]:
    """Return the position and the number of changes of each order."""
    orders = {key: each["changes"] for key, each in reading.records.items() if key != "total"}
    assert sum(reading.records["total"].values()) >= sum(orders.values())
    return reading.position, orders


async def expected(store: OrderStore) -> tuple[int, dict[str, int]]:
    """Return the same from the feed."""
    feed = await read_feed(store)
    orders = [change.order_id for change in feed]
    return len(feed), {order_id: orders.count(order_id) for order_id in orders}


async def finish(projector: Projector) -> None:
    """Count until nothing follows."""
    more = True
    while more:
        more = await projector.advance()


@asynccontextmanager
async def written(store: OrderStore, count: int) -> AsyncIterator["asyncio.Future[list[None]]"]:
    """Save new orders from four tasks meanwhile, and wait for them."""

    async def write(numbers: Sequence[int]) -> None:
        for number in numbers:
            await store.save(small_order(f"order-w{number}"))
            await asyncio.sleep(0)

    writers = asyncio.gather(*(write(range(count)[start::4]) for start in range(4)))
    try:
        yield writers
    finally:
        await writers


@asynccontextmanager
async def following(projector: Projector) -> AsyncIterator[None]:
    """Run a relay meanwhile."""

    async def follow() -> None:
        while True:
            await projector.follow()
            await asyncio.sleep(0)

    task = asyncio.ensure_future(follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
