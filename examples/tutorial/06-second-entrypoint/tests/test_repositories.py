"""What every store must do. The same tests run on each of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.entities import Order
from domain.exceptions import ConcurrentUpdate
from domain.repositories import OrderRepository
from infrastructure.memory_repo import InMemoryOrderRepository
from infrastructure.sqlite_repo import SqliteOrderRepository

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def new_order() -> Order:
    return Order("order-1", "user-42", 9900, "pending", NOON)


STORES: dict[str, Callable[[Path], OrderRepository]] = {
    "memory": lambda _: InMemoryOrderRepository(),
    "sqlite": lambda folder: SqliteOrderRepository(str(folder / "orders.db")),
}


@pytest.fixture(params=STORES)
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> OrderRepository:
    return STORES[request.param](tmp_path)


async def test_unknown_order_is_none(repo: OrderRepository) -> None:
    assert await repo.get_by_id("order-1") is None


async def test_saved_order_is_returned_with_all_fields(repo: OrderRepository) -> None:
    order = new_order()
    await repo.save(order)
    assert order == Order("order-1", "user-42", 9900, "pending", NOON, version=1)
    assert await repo.get_by_id("order-1") == order


async def test_changed_order_is_stored_when_it_is_saved(repo: OrderRepository) -> None:
    await repo.save(new_order())
    order = await repo.get_by_id("order-1")
    assert order is not None
    order.cancel()
    stored = await repo.get_by_id("order-1")
    assert stored is not None
    assert (stored.status, stored.version) == ("pending", 1)
    await repo.save(order)
    assert order.version == 2
    assert await repo.get_by_id("order-1") == order


async def test_save_rejects_order_that_was_changed_meanwhile(repo: OrderRepository) -> None:
    await repo.save(new_order())
    first, second = await repo.get_by_id("order-1"), await repo.get_by_id("order-1")
    assert first is not None
    assert second is not None
    first.cancel()
    second.ship()
    await repo.save(first)
    with pytest.raises(ConcurrentUpdate):
        await repo.save(second)
    assert await repo.get_by_id("order-1") == first


async def test_save_rejects_second_order_with_an_id(repo: OrderRepository) -> None:
    await repo.save(new_order())
    with pytest.raises(ConcurrentUpdate):
        await repo.save(new_order())
