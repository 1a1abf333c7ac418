"""Refunds: added, and closed as succeeded or failed."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.add_refund import AddRefundUseCase
from orderkeep.application.use_cases.close_refund import CloseRefundUseCase
from orderkeep.domain.exceptions import InvalidInput, RefundNotFound
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment, Refund, RefundExceedsPayments
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


@pytest.fixture
def repo() -> InMemoryOrderRepository:
    order = pending_order()
    order.record_payment(Payment("pay-1", "captured", order.total.minor, "card", NOON), at=NOON)
    return InMemoryOrderRepository([order])


async def test_adds_a_pending_refund_with_its_values(repo: InMemoryOrderRepository) -> None:
    add = AddRefundUseCase(repo, clock=lambda: NOON)
    result = await add.execute("order-1", "ref-1", 1_300, reason="damaged", lines=[LineQuantity("l2", 3)])
    assert result.events == (EventDTO("RefundCreated", {"reference": "ref-1"}),)
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert saved.refunds == (Refund("ref-1", 1_300, "pending", "damaged", (LineQuantity("l2", 3),), NOON),)
    assert result.order.refund_pending == 1_300


async def test_the_same_refund_again_changes_nothing(repo: InMemoryOrderRepository) -> None:
    add = AddRefundUseCase(repo)
    await add.execute("order-1", "ref-1", 1_300)
    again = await add.execute("order-1", "ref-1", 1_300)
    assert (again.events, again.unchanged, again.version) == ((), True, 2)


async def test_rejects_more_than_was_captured(repo: InMemoryOrderRepository) -> None:
    total = pending_order().total.minor
    with pytest.raises(RefundExceedsPayments, match=f"^at most {total} .* can be refunded, not {total + 1} "):
        await AddRefundUseCase(repo).execute("order-1", "ref-1", total + 1)


@pytest.mark.parametrize("outcome, event", [("succeeded", "RefundSucceeded"), ("failed", "RefundFailed")])
async def test_closes_a_refund(outcome: str, event: str, repo: InMemoryOrderRepository) -> None:
    await AddRefundUseCase(repo, clock=lambda: NOON).execute("order-1", "ref-1", 1_300)
    close = CloseRefundUseCase(repo, clock=lambda: LATER)
    result = await close.execute("order-1", "ref-1", outcome, occurred_at=LATER - timedelta(hours=2))
    assert result.events[0] == EventDTO(event, {"reference": "ref-1"})
    assert [(each.status, each.closed_at) for each in result.order.refunds] == [(outcome, LATER - timedelta(hours=2))]
    again = await close.execute("order-1", "ref-1", outcome)
    assert (again.events, again.unchanged) == ((), True)


async def test_rejects_an_unknown_refund_and_an_unknown_outcome(repo: InMemoryOrderRepository) -> None:
    close = CloseRefundUseCase(repo)
    with pytest.raises(RefundNotFound, match="has no refund"):
        await close.execute("order-1", "ref-1", "succeeded")
    await AddRefundUseCase(repo).execute("order-1", "ref-1", 1_300)
    await close.execute("order-1", "ref-1", "succeeded")
    for outcome in ("pending", "done"):
        with pytest.raises(InvalidInput, match=r"^must be succeeded or failed$") as caught:
            await close.execute("order-1", "ref-1", outcome)
        assert caught.value.field == "status"
