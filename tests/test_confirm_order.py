"""Confirming an order: the shop accepts it and works on it."""

from datetime import UTC, datetime

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.lifecycle import CannotConfirmOrder
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_confirms_a_pending_order() -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status="pending")])
    result = await ConfirmOrderUseCase(repo, clock=lambda: NOON).execute("order-1")
    assert (result.order.status, result.order.version, result.order.updated_at) == ("processing", 2, NOON)
    assert result.events == (EventDTO("OrderConfirmed"),)
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert (saved.status, saved.version) == ("processing", 2)


@pytest.mark.parametrize("status", ["processing", "shipped", "delivered", "cancelled"])
async def test_rejects_to_confirm_any_other_order(status: str) -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status=status)])
    with pytest.raises(CannotConfirmOrder, match=f"^Order cannot be confirmed: it is {status}$"):
        await ConfirmOrderUseCase(repo).execute("order-1")
    assert len(await repo.list_changes("order-1", 0, 10)) == 1


async def test_unknown_id_is_not_found() -> None:
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await ConfirmOrderUseCase(InMemoryOrderRepository()).execute("order-1")
