"""What every store must do. The same tests run on each of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.entities import Order
from domain.repositories import OrderRepository
from infrastructure.memory_repo import InMemoryOrderRepository
from infrastructure.sqlite_repo import SqliteOrderRepository

ORDER = Order("order-1", "user-42", 9900, "pending", datetime(2026, 11, 30, 12, tzinfo=UTC))


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
    await repo.save(ORDER)
    assert await repo.get_by_id("order-1") == ORDER


async def test_changed_order_is_stored_when_it_is_saved(repo: OrderRepository) -> None:
    await repo.save(ORDER)
    order = await repo.get_by_id("order-1")
    assert order is not None
    order.cancel()
    assert await repo.get_by_id("order-1") == ORDER
    await repo.save(order)
    assert await repo.get_by_id("order-1") == order
