"""Delivering an order: it reached the customer."""

from datetime import UTC, datetime

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.lifecycle import CannotDeliverOrder
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_delivers_a_shipped_order() -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status="shipped")])
    result = await DeliverOrderUseCase(repo, clock=lambda: NOON).execute("order-1")
    assert (result.order.status, result.order.version, result.order.updated_at) == ("delivered", 2, NOON)
    assert result.events == (EventDTO("OrderDelivered"), EventDTO("ShipmentDelivered", {"shipment_id": "s1"}))
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert (saved.status, saved.version) == ("delivered", 2)


@pytest.mark.parametrize("status", ["pending", "processing", "delivered", "cancelled"])
async def test_rejects_to_deliver_any_other_order(status: str) -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status=status)])
    with pytest.raises(CannotDeliverOrder, match=f"^Order cannot be delivered: it is {status}$"):
        await DeliverOrderUseCase(repo).execute("order-1")
    assert len(await repo.list_changes("order-1", 0, 10)) == 1


async def test_unknown_id_is_not_found() -> None:
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await DeliverOrderUseCase(InMemoryOrderRepository()).execute("order-1")
