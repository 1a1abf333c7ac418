"""A disk that fills up: what was refused left nothing behind, and the same orders can be saved once there is room."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orderkeep.application.use_cases.verify_orders import VerifyOrdersUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from tests.infrastructure.sqlite_samples import NOON, an_order


async def outcomes_of(store: SqliteOrderRepository, orders: list[Order]) -> list[BaseException | None]:
    outcomes = await asyncio.gather(*map(store.save, orders), return_exceptions=True)
    return [outcome if isinstance(outcome, BaseException) else None for outcome in outcomes]


async def assert_kept(store: SqliteOrderRepository, orders: list[Order]) -> None:
    """Each order object says what is kept of it, and all that is kept holds together."""
    for order in orders:
        found = await store.get_by_id(order.id)
        assert (found.version if found else 0) == order.version
        assert bool(order.events) == (order.version == 0)
    assert (await VerifyOrdersUseCase(store).execute()).problems == []


async def test_orders_rejected_by_a_full_disk_leave_no_trace(store: SqliteOrderRepository) -> None:
    [(pages,)] = store._writer._connection.execute("PRAGMA page_count").fetchall()
    store._writer._connection.execute(f"PRAGMA max_page_count = {pages + 3}").fetchall()
    orders = [an_order(number) for number in range(1, 65)]
    first = [*await outcomes_of(store, orders[:1]), *await outcomes_of(store, orders[1:])]

    assert {type(outcome) for outcome in first} == {type(None), StoreUnavailable}
    assert {str(outcome) for outcome in first if outcome} == {
        f"the disk that contains {store._file.path} is full: free some space, then try again (SQLITE_FULL)"
    }
    await assert_kept(store, orders)

    store._writer._connection.execute("PRAGMA max_page_count = 100000").fetchall()
    refused = [order for order, outcome in zip(orders, first, strict=True) if outcome]
    assert await outcomes_of(store, refused) == [None] * len(refused)
    await assert_kept(store, orders)


@contextmanager
def no_file_grows_past(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_failed_commit_leaves_no_trace(store: SqliteOrderRepository, path: Path) -> None:
    orders = [an_order(number) for number in range(1, 33)]
    await store.save(orders[0])
    orders[0].confirm(at=NOON)
    log = path.with_name("orders.db-wal").stat().st_size
    with no_file_grows_past(log + 5_000):
        outcomes = await outcomes_of(store, orders)

    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert "for disk errors" in str(outcomes[0])
    assert [order.version for order in orders] == [1] + [0] * 31
    assert all(order.events for order in orders)
    assert [order.id async for order in exported(store)] == ["order-1"]

    assert await outcomes_of(store, orders) == [None] * 32
    assert (await VerifyOrdersUseCase(store).execute()).problems == []


async def exported(store: SqliteOrderRepository) -> AsyncIterator[Order]:
    page = await store.read_changes(0, 1_000)
    for change in page.changes:
        yield change.order.to_order()


async def test_unwritable_file_requires_an_operator(store: SqliteOrderRepository) -> None:
    store._writer._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnusable, match="write permission on the file and its directory"):
        await store.save(an_order(1))
