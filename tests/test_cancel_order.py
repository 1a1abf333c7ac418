"""Cancelling an order, as the shop sees it."""

from datetime import UTC, datetime

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound, TextTooLong
from orderkeep.domain.lifecycle import CannotCancelOrder
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.asyncio
async def test_cancel_pending_order() -> None:
    order = Order("1", "user-42", 99.0, "pending", datetime.now())  # type: ignore[arg-type]  # noqa: DTZ005
    repo = InMemoryOrderRepository([order])
    use_case = CancelOrderUseCase(repo)
    await use_case.execute("1")
    saved = await repo.get_by_id("1")
    assert saved is not None
    assert saved.status == "cancelled"


@pytest.mark.parametrize("status", ["pending", "processing"])
async def test_cancels_an_order_that_has_not_been_shipped(status: str) -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status=status)])
    result = await CancelOrderUseCase(repo).execute("order-1")
    assert (result.order.status, result.order.version) == ("cancelled", 2)


@pytest.mark.parametrize("status", ["shipped", "delivered", "cancelled"])
async def test_cancel_rejects_shipped_delivered_and_cancelled_orders(status: str) -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status=status)])
    with pytest.raises(CannotCancelOrder, match=f"^Order cannot be cancelled: it is {status}$"):
        await CancelOrderUseCase(repo).execute("order-1")
    assert len(await repo.list_changes("order-1", 0, 10)) == 1


async def test_keeps_the_reason_and_the_note() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    cancel = CancelOrderUseCase(repo, clock=lambda: NOON)
    result = await cancel.execute("order-1", reason="found cheaper", note="Will come back.\nPerhaps.")
    said: dict[str, str | None] = {"reason": "found cheaper", "note": "Will come back.\nPerhaps."}
    assert result.events == (EventDTO("OrderCancelled", said),)
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert saved.cancellation is not None
    assert (saved.cancellation.reason, saved.cancellation.at) == ("found cheaper", NOON)


async def test_rejects_a_reason_that_is_too_long() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    with pytest.raises(TextTooLong, match="at most 100 characters"):
        await CancelOrderUseCase(repo).execute("order-1", reason="r" * 101)


async def test_unknown_id_is_not_found() -> None:
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await CancelOrderUseCase(InMemoryOrderRepository()).execute("order-1")
