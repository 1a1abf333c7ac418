"""Shipping an order: it left the house."""

from datetime import UTC, datetime

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.lifecycle import CannotShipOrder
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_ships_an_order_in_processing() -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status="processing")])
    result = await ShipOrderUseCase(repo, clock=lambda: NOON).execute("order-1")
    assert (result.order.status, result.order.version, result.order.updated_at) == ("shipped", 2, NOON)
    assert result.events == (EventDTO("OrderShipped"), EventDTO("ShipmentCreated", {"shipment_id": "s1"}))
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert (saved.status, saved.version) == ("shipped", 2)


@pytest.mark.parametrize("status", ["pending", "shipped", "delivered", "cancelled"])
async def test_rejects_to_ship_any_other_order(status: str) -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status=status)])
    with pytest.raises(CannotShipOrder, match=f"^Order cannot be shipped: it is {status}$"):
        await ShipOrderUseCase(repo).execute("order-1")
    assert len(await repo.list_changes("order-1", 0, 10)) == 1


async def test_unknown_id_is_not_found() -> None:
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await ShipOrderUseCase(InMemoryOrderRepository()).execute("order-1")
