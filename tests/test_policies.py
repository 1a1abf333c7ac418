"""Commands with policies: what they reject, and the orders that are confirmed in the commit that makes them ready."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult, LineDTO
from orderkeep.application.use_cases.add_note import AddNoteUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.hold_order import HoldOrderUseCase
from orderkeep.application.use_cases.record_payment import RecordPaymentUseCase
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.policies import PaymentRequired, Policies
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command, small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
LINES = (LineDTO("A-1", "Lamp", 3, 3_300),)
PAID = Policies(confirm_requires="paid", ship_requires="paid", auto_confirm=True)
BY_HAND = replace(PAID, auto_confirm=False)


def use_cases(policies: Policies, **fields: Any) -> UseCases:
    """Return the use cases with policies, on one order of 99.00 EUR."""
    return build_use_cases(InMemoryOrderRepository([small_order("order-1", **fields)]), policies=policies)


def types_of(result: CommandResult) -> list[str]:
    return [event.type for event in result.events]


async def test_order_is_confirmed_and_shipped_after_its_payment_and_not_before() -> None:
    do = use_cases(BY_HAND, lines=LINES)
    with pytest.raises(PaymentRequired, match=r"^confirm requires paid: 0 of 9900 are captured"):
        await do.confirm_order.execute("order-1")
    await do.record_payment.execute("order-1", "pay-1", "captured", 9_900)
    await do.confirm_order.execute("order-1")
    await do.add_refund.execute("order-1", "ref-1", 100)
    for ship in (do.ship_order, do.add_shipment):
        with pytest.raises(PaymentRequired, match=r"^ship requires paid: 9800 of 9900 are captured"):
            await ship.execute("order-1")
    await do.close_refund.execute("order-1", "ref-1", "failed")
    part = await do.add_shipment.execute("order-1", lines=[LineQuantity("l1", 1)])
    assert (part.order.status, (await do.ship_order.execute("order-1")).order.status) == (
        "partially_shipped",
        "shipped",
    )


async def test_rejection_writes_nothing() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    with pytest.raises(PaymentRequired):
        await ConfirmOrderUseCase(repo, policies=BY_HAND).execute("order-1", CommandContext(key="key-1"))
    assert len(await repo.list_changes("order-1", 0, 10)) == 1
    result = await ConfirmOrderUseCase(repo).execute("order-1", CommandContext(key="key-1"))
    assert result.order.status == "processing"


async def test_payment_that_meets_the_requirement_confirms_in_the_same_commit() -> None:
    do = use_cases(PAID)
    first = await do.record_payment.execute("order-1", "pay-1", "captured", 9_000)
    assert (first.order.status, types_of(first)) == ("pending", ["PaymentRecorded"])
    second = await do.record_payment.execute("order-1", "pay-2", "captured", 900)
    assert (second.order.status, second.version) == ("processing", 3)
    assert types_of(second) == ["PaymentRecorded", "OrderConfirmed"]


async def test_dry_run_of_a_payment_shows_the_confirmation() -> None:
    do = use_cases(PAID)
    payment = ("order-1", "pay-1", "captured", 9_900)
    tried = await do.record_payment.execute(*payment, CommandContext(dry_run=True))
    assert (tried.order.status, types_of(tried)) == ("processing", ["PaymentRecorded", "OrderConfirmed"])
    assert (await do.get_order.execute("order-1")).version == 1


async def test_repeated_payment_with_its_key_has_the_original_result() -> None:
    do = use_cases(PAID)
    payment, context = ("order-1", "pay-1", "captured", 9_900), CommandContext(key="key-1")
    first = await do.record_payment.execute(*payment, context)
    again = await do.record_payment.execute(*payment, context)
    assert (again.order, again.events, again.replayed) == (first.order, first.events, True)


async def test_other_changes_that_make_an_order_ready_confirm_it_too() -> None:
    do = use_cases(PAID, lines=LINES)
    await do.record_payment.execute("order-1", "pay-1", "captured", 6_600)
    cancelled = await do.cancel_lines.execute("order-1", lines=[LineQuantity("l1", 1)])
    assert types_of(cancelled) == ["LinesCancelled", "OrderConfirmed"]

    do = use_cases(PAID)
    await do.hold_order.execute("order-1", "fraud")
    paid = await do.record_payment.execute("order-1", "pay-1", "captured", 9_900)
    assert types_of(paid) == ["PaymentRecorded"]
    assert types_of(await do.release_order.execute("order-1")) == ["OrderReleased", "OrderConfirmed"]

    do = use_cases(PAID)
    await do.hold_order.execute("order-1", "fraud")
    await do.record_payment.execute("order-1", "pay-1", "captured", 9_900)
    await do.add_refund.execute("order-1", "ref-1", 100)
    await do.release_order.execute("order-1")
    failed = await do.close_refund.execute("order-1", "ref-1", "failed")
    assert types_of(failed) == ["RefundFailed", "OrderConfirmed"]


async def test_order_that_was_ready_before_is_left_to_staff() -> None:
    """A setting that is new must not confirm all older orders with their next change."""
    repo = InMemoryOrderRepository([small_order("order-1")])
    await build_use_cases(repo).record_payment.execute("order-1", "pay-1", "captured", 9_900)
    result = await build_use_cases(repo, policies=PAID).add_note.execute("order-1", "Called.")
    assert (result.order.status, types_of(result)) == ("pending", ["NoteAdded"])


@pytest.mark.parametrize(
    "policies, total, status",
    [
        (Policies(auto_confirm=True), 9_900, "processing"),
        (PAID, 9_900, "pending"),
        (PAID, 0, "processing"),
        (BY_HAND, 0, "pending"),
    ],
    ids=["nothing required", "paid required", "nothing due", "by hand"],
)
async def test_new_order_that_needs_no_payment_is_confirmed_as_it_is_placed(
    policies: Policies, total: int, status: str
) -> None:
    do = build_use_cases(InMemoryOrderRepository(), policies=policies)
    command = replace(place_command(), lines=(), shipping=0, discount=0, tax=0, total=total)
    placed = await do.place_order.execute(command)
    assert (placed.order.status, placed.version) == (status, 1)
    assert types_of(placed) == ["OrderPlaced", "OrderConfirmed"][: 1 + (status == "processing")]
    assert placed.order.updated_at == placed.order.created_at


async def test_change_that_ends_a_hold_confirms_a_paid_order() -> None:
    repo = InMemoryOrderRepository([small_order("order-1", at=NOON)])
    await HoldOrderUseCase(repo, clock=lambda: NOON).execute("order-1", "fraud", until=LATER)
    await RecordPaymentUseCase(repo, clock=lambda: NOON, policies=PAID).execute("order-1", "pay-1", "captured", 9_900)
    result = await AddNoteUseCase(repo, clock=lambda: LATER, policies=PAID).execute("order-1", "Called.")
    assert types_of(result) == ["NoteAdded", "OrderReleased", "OrderConfirmed"]
