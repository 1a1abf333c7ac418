"""What only the in-memory store does, beside the contract."""

import threading

import pytest

from orderkeep.application.errors import InvalidCursor
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order, small_order
from orderkeep.testing.stores import read_all


async def test_begins_with_the_orders_it_is_given_as_if_they_had_been_saved() -> None:
    order = pending_order()
    repo = InMemoryOrderRepository([order, small_order("order-2")])
    assert (order.version, order.events) == (1, [])
    saved = InMemoryOrderRepository()
    await saved.save(pending_order(), small_order("order-2"))
    assert await read_all(repo) == await read_all(saved)


def test_duplicate_initial_order_is_rejected() -> None:
    with pytest.raises(ConcurrentUpdate):
        InMemoryOrderRepository([small_order("order-1"), small_order("order-1")])


async def test_begins_with_an_order_of_version_0_only() -> None:
    order = pending_order()
    InMemoryOrderRepository([order])
    with pytest.raises(ConcurrentUpdate):
        InMemoryOrderRepository([order])


async def test_position_after_the_end_is_rejected() -> None:
    fuller = InMemoryOrderRepository([small_order("order-1"), small_order("order-2")])
    position = (await fuller.read_changes(0, 10)).position
    with pytest.raises(InvalidCursor):
        await InMemoryOrderRepository([small_order("order-1")]).read_changes(position, 10)


async def test_is_read_but_not_written_once_it_is_closed() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    await repo.close()
    assert await repo.get_by_id("order-1")
    with pytest.raises(StoreUnavailable, match="closed"):
        await repo.save(small_order("order-2"))


def test_loses_no_save_of_many_threads() -> None:
    repo = InMemoryOrderRepository()
    start = threading.Barrier(16)

    def place(thread: int) -> None:
        start.wait()
        for number in range(50):
            repo._commit((small_order(f"order-{thread}-{number}"),))

    threads = [threading.Thread(target=place, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(repo._feed) == len(repo._orders) == 800
