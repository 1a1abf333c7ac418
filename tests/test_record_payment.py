"""Recording a payment: a fact, whatever the status of the order."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orderkeep.application.dtos import EventDTO
from orderkeep.application.use_cases.record_payment import RecordPaymentUseCase
from orderkeep.domain.exceptions import InvalidInput, OrderNotFound, RecordedDifferently
from orderkeep.domain.payments import Payment
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def use_case(repo: InMemoryOrderRepository) -> RecordPaymentUseCase:
    return RecordPaymentUseCase(repo, repo, clock=lambda: NOON)


async def test_records_a_payment_with_its_values() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    earlier = NOON - timedelta(hours=3)
    in_tokyo = earlier.astimezone(timezone(timedelta(hours=9)))
    result = await use_case(repo).execute("order-1", "pay-1", "captured", 7_100, method="card", occurred_at=in_tokyo)
    assert result.events == (EventDTO("PaymentRecorded", {"kind": "captured", "reference": "pay-1"}),)
    assert (result.order.captured, result.order.payment_status, result.order.version) == (7_100, "partially_paid", 2)
    saved = await repo.get_by_id("order-1")
    assert saved is not None
    assert saved.payments == (Payment("pay-1", "captured", 7_100, "card", earlier),)


async def test_a_payment_without_a_time_occurred_now() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    result = await use_case(repo).execute("order-1", "pay-1", "authorized", 9_900)
    assert [(payment.occurred_at, payment.method) for payment in result.order.payments] == [(NOON, None)]


async def test_a_capture_after_the_cancellation_becomes_a_refund_due() -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status="cancelled")])
    result = await use_case(repo).execute("order-1", "pay-1", "captured", 9_900)
    assert [event.type for event in result.events] == ["PaymentRecorded", "ObligationsChanged"]
    assert (result.order.status, result.order.refund_due) == ("cancelled", 9_900)


async def test_the_same_payment_again_changes_nothing() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    await use_case(repo).execute("order-1", "pay-1", "captured", 7_100)
    again = await use_case(repo).execute("order-1", "pay-1", "captured", 7_100)
    assert (again.version, again.events, again.unchanged, again.replayed) == (2, (), True, False)
    assert len(await repo.list_changes("order-1", 0, 10)) == 2
    with pytest.raises(RecordedDifferently, match="recorded with 7100, not 7200"):
        await use_case(repo).execute("order-1", "pay-1", "captured", 7_200)


async def test_rejects_an_unknown_kind() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    with pytest.raises(InvalidInput, match=r"^must be one of authorized, captured, voided, failed$") as caught:
        await use_case(repo).execute("order-1", "pay-1", "paid", 7_100)
    assert caught.value.field == "kind"


async def test_knows_no_order_by_another_id() -> None:
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await use_case(InMemoryOrderRepository()).execute("order-1", "pay-1", "captured", 7_100)
