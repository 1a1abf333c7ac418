"""Cancelling units of an order."""

from datetime import UTC, datetime

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.cancel_lines import CancelLinesUseCase
from orderkeep.domain.lifecycle import NothingToCancel, QuantityNotAvailable
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.value_objects import Cancellation
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order, small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_cancels_units_with_a_reason() -> None:
    repo = InMemoryOrderRepository([pending_order()])
    cancel = CancelLinesUseCase(repo, clock=lambda: NOON)
    result = await cancel.execute("order-1", lines=[LineQuantity("l2", 3)], reason="sold out")
    assert result.events == (EventDTO("LinesCancelled", {"reason": "sold out"}),)
    assert [line.cancelled for line in result.order.lines] == [0, 3]
    assert 0 < result.order.current_total < result.order.total


async def test_cancels_the_order_if_nothing_is_left() -> None:
    repo = InMemoryOrderRepository([pending_order()])
    cancel = CancelLinesUseCase(repo, clock=lambda: NOON)
    result = await cancel.execute("order-1", reason="sold out", note="No more lamps.")
    assert (result.order.status, result.order.current_total) == ("cancelled", 0)
    assert result.order.cancellation == Cancellation("sold out", "No more lamps.", NOON)


async def test_rejects_more_units_than_there_are_and_an_order_without_lines() -> None:
    repo = InMemoryOrderRepository([pending_order(), small_order("order-9")])
    with pytest.raises(QuantityNotAvailable, match=r"^line l1 has only 3 units left to cancel, not 4$"):
        await CancelLinesUseCase(repo).execute("order-1", lines=[LineQuantity("l1", 4)])
    with pytest.raises(NothingToCancel):
        await CancelLinesUseCase(repo).execute("order-9")
