"""What the service does, with orders in memory."""

import asyncio
from datetime import UTC, datetime

import pytest

from application.use_cases import CancelOrderUseCase, GetOrderUseCase, PlaceOrderUseCase, ShipOrderUseCase
from domain.entities import Order
from domain.exceptions import CannotCancelOrder, CannotShipOrder, NegativeTotal, OrderNotFound
from infrastructure.memory_repo import InMemoryOrderRepository

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def order(status: str) -> Order:
    return Order("order-1", "user-42", 9900, status, NOON, version=1)


async def test_place_order_saves_it() -> None:
    repo = InMemoryOrderRepository()
    placed = await PlaceOrderUseCase(repo, clock=lambda: NOON).execute("user-42", 9900)
    assert placed.created_at == NOON
    assert await GetOrderUseCase(repo).execute(placed.id) == placed


async def test_place_rejects_negative_total() -> None:
    with pytest.raises(NegativeTotal):
        await PlaceOrderUseCase(InMemoryOrderRepository()).execute("user-42", -1)


async def test_cancel_pending_order() -> None:
    repo = InMemoryOrderRepository([order("pending")])
    await CancelOrderUseCase(repo).execute("order-1")
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert saved.status == "cancelled"


async def test_ship_pending_order() -> None:
    repo = InMemoryOrderRepository([order("pending")])
    await ShipOrderUseCase(repo).execute("order-1")
    assert (await GetOrderUseCase(repo).execute("order-1")).status == "shipped"


async def test_rejected_command_saves_nothing() -> None:
    repo = InMemoryOrderRepository([order("shipped")])
    with pytest.raises(CannotCancelOrder):
        await CancelOrderUseCase(repo).execute("order-1")
    with pytest.raises(CannotShipOrder):
        await ShipOrderUseCase(repo).execute("order-1")
    assert await repo.get_by_id("order-1") == order("shipped")


async def test_unknown_order_is_not_found() -> None:
    repo = InMemoryOrderRepository()
    for use_case in (GetOrderUseCase(repo), CancelOrderUseCase(repo), ShipOrderUseCase(repo)):
        with pytest.raises(OrderNotFound):
            await use_case.execute("order-1")


async def test_of_two_changes_at_once_the_second_is_decided_again() -> None:
    repo = InMemoryOrderRepository([order("pending")])
    cancel, ship = CancelOrderUseCase(repo).execute("order-1"), ShipOrderUseCase(repo).execute("order-1")
    results = await asyncio.gather(cancel, ship, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), CannotShipOrder]
    assert (await GetOrderUseCase(repo).execute("order-1")).status == "cancelled"
