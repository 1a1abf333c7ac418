"""Holding an order back, and releasing it."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.hold_order import HoldOrderUseCase
from orderkeep.application.use_cases.release_order import ReleaseOrderUseCase
from orderkeep.domain.exceptions import InvalidTime
from orderkeep.domain.lifecycle import CannotHoldOrder, CannotReleaseOrder, OrderOnHold
from orderkeep.domain.value_objects import Hold
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOMORROW = NOON + timedelta(days=1)


async def test_holds_and_releases_an_order() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    hold = HoldOrderUseCase(repo, clock=lambda: NOON)
    held = await hold.execute("order-1", "fraud", note="Call the bank.", until=TOMORROW)
    assert held.events == (EventDTO("OrderHeld", {"reason": "fraud", "note": "Call the bank."}),)
    assert (held.order.on_hold, held.order.hold) == (True, Hold("fraud", "Call the bank.", TOMORROW, NOON))
    with pytest.raises(OrderOnHold, match=r"^the order is on hold: release it"):
        await ConfirmOrderUseCase(repo, clock=lambda: NOON).execute("order-1")
    released = await ReleaseOrderUseCase(repo, clock=lambda: NOON).execute("order-1")
    assert released.events == (EventDTO("OrderReleased"),)
    assert (released.order.on_hold, released.order.hold) == (False, None)


async def test_rejects_a_hold_that_would_end_before_it_begins() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    with pytest.raises(InvalidTime, match=r"^must be in the future$") as caught:
        await HoldOrderUseCase(repo, clock=lambda: NOON).execute("order-1", "fraud", until=NOON)
    assert caught.value.field == "until"


async def test_rejects_to_hold_a_shipped_order_and_to_release_one_that_is_not_held() -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status="shipped"), small_order("order-2")])
    with pytest.raises(CannotHoldOrder, match=r"^Order cannot be put on hold: it is shipped$"):
        await HoldOrderUseCase(repo).execute("order-1", "fraud")
    with pytest.raises(CannotReleaseOrder, match=r"^Order cannot be released: it is not on hold$"):
        await ReleaseOrderUseCase(repo).execute("order-2")
