"""Policies: the payments that an order needs before it is confirmed or shipped, and when an unpaid order expires."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import Command, OrderConfirmed
from orderkeep.domain.payments import Payment
from orderkeep.domain.policies import PaymentRequired, Policies, has_expired
from orderkeep.domain.value_objects import Money
from tests.domain.orders import LATER, NOW, PLACED, order_of, rejected, units

Step = Callable[[Order], None]


def pay(reference: str, kind: str, amount: int) -> Step:
    return lambda order: order.record_payment(Payment(reference, kind, amount, None, NOW), at=NOW)


def refund(amount: int) -> Step:
    return lambda order: order.add_refund(f"ref-{amount}", amount, at=NOW)


def settle(amount: int, outcome: str) -> Step:
    return lambda order: order.close_refund(f"ref-{amount}", outcome, at=NOW)


def free_order() -> Order:
    return Order.place("order-1", "user-42", Money(0, "EUR"), at=PLACED)


def cancel_one(order: Order) -> None:
    order.cancel_lines(units(l1=1), at=NOW)


def after(*steps: Step, confirmed: bool = False) -> Order:
    """Return an order of 25.00 EUR after these steps."""
    order = order_of(2, confirmed=confirmed)
    for step in steps:
        step(order)
    order.events.clear()
    return order


AUTHORIZED, CAPTURED = pay("p1", "authorized", 2_500), pay("p1", "captured", 2_500)

COVERED: dict[str, tuple[tuple[Step, ...], bool, bool]] = {
    "nothing": ((), False, False),
    "failed": ((pay("p1", "failed", 2_500),), False, False),
    "authorized": ((AUTHORIZED,), True, False),
    "partly authorized": ((pay("p1", "authorized", 2_499),), False, False),
    "authorized in two parts": ((pay("p1", "authorized", 1_000), pay("p2", "authorized", 1_500)), True, False),
    "voided": ((AUTHORIZED, pay("p1", "voided", 2_500)), False, False),
    "partly captured": ((AUTHORIZED, pay("p1", "captured", 2_499)), True, False),
    "captured": ((AUTHORIZED, CAPTURED), True, True),
    "captured without an authorization": ((CAPTURED,), True, True),
    "captured in parts": ((pay("p1", "captured", 1_000), pay("p2", "captured", 1_500)), True, True),
    "overpaid": ((pay("p1", "captured", 2_600),), True, True),
    "a refund that is pending": ((CAPTURED, refund(1)), False, False),
    "a refund that succeeded": ((CAPTURED, refund(1), settle(1, "succeeded")), False, False),
    "a refund that failed": ((CAPTURED, refund(1), settle(1, "failed")), True, True),
    "paid, and one unit cancelled and refunded": ((CAPTURED, cancel_one, refund(1_000)), True, True),
    "half paid, and the other half cancelled": ((pay("p1", "captured", 1_500), cancel_one), True, True),
}
"""Steps, and whether the order is then authorized, and paid."""


@pytest.mark.parametrize("steps, is_authorized, is_paid", COVERED.values(), ids=COVERED)
def test_requirement_is_met_by_what_covers_the_current_total(
    steps: tuple[Step, ...], is_authorized: bool, is_paid: bool
) -> None:
    order = after(*steps)
    met = [Policies(confirm_requires=each).is_ready(order) for each in ("nothing", "authorized", "paid")]
    assert met == [True, is_authorized, is_paid]


@pytest.mark.parametrize("requirement", ["nothing", "authorized", "paid"])
def test_order_without_an_amount_due_meets_every_requirement(requirement: str) -> None:
    assert Policies(confirm_requires=requirement).is_ready(free_order())


def test_confirm_is_rejected_with_the_policy_and_the_amounts() -> None:
    order = after(AUTHORIZED, pay("p1", "captured", 700))
    message = "confirm requires paid: 700 of 2500 are captured and not refunded (minor units of EUR)"
    with rejected(order, "payment_required", message):
        Policies(confirm_requires="paid").check(Command.CONFIRM, order)
    Policies(confirm_requires="authorized", ship_requires="paid").check(Command.CONFIRM, order)


def test_ship_is_rejected_with_the_policy_and_the_amounts() -> None:
    order = after(AUTHORIZED, confirmed=True)
    message = "ship requires paid: 0 of 2500 are captured and not refunded (minor units of EUR)"
    with rejected(order, "payment_required", message):
        Policies(ship_requires="paid").check(Command.SHIP, order)
    Policies(confirm_requires="paid").check(Command.SHIP, order)


def test_authorization_is_named_if_it_would_do() -> None:
    order = after(pay("p1", "authorized", 2_000))
    message = "confirm requires authorized: 2000 of 2500 are authorized or captured (minor units of EUR)"
    with rejected(order, "payment_required", message):
        Policies(confirm_requires="authorized").check(Command.CONFIRM, order)


def test_rest_of_a_shipped_part_needs_the_payment_too() -> None:
    order = after(confirmed=True)
    order.add_shipment(units(l1=1), at=NOW)
    with pytest.raises(PaymentRequired, match=r"^ship requires paid"):
        Policies(ship_requires="paid").check(Command.SHIP, order)


def test_status_is_the_reason_where_it_rejects_the_command_anyway() -> None:
    policies = Policies("paid", "paid")
    policies.check(Command.CONFIRM, after(confirmed=True))
    policies.check(Command.SHIP, after())


def test_other_commands_need_no_payment() -> None:
    policies = Policies("paid", "paid")
    for command in set(Command) - {Command.CONFIRM, Command.SHIP}:
        policies.check(command, after())


AUTO = Policies(confirm_requires="paid", auto_confirm=True)


def test_ready_order_is_confirmed_at_the_time_of_its_last_change() -> None:
    order = after(CAPTURED)
    AUTO.confirm_if_ready(order)
    assert (order.status, order.updated_at, order.events) == ("processing", NOW, [OrderConfirmed()])


@pytest.mark.parametrize(
    "order",
    [
        after(AUTHORIZED),
        after(CAPTURED, lambda order: order.put_on_hold("fraud", at=NOW)),
        after(CAPTURED, lambda order: order.cancel(at=NOW)),
        after(CAPTURED, confirmed=True),
    ],
    ids=["not paid", "on hold", "cancelled", "confirmed"],
)
def test_order_that_is_not_ready_is_not_confirmed(order: Order) -> None:
    before = order.status
    AUTO.confirm_if_ready(order)
    assert (order.status, order.events) == (before, [])


def test_nothing_is_confirmed_without_auto_confirm() -> None:
    order = after(CAPTURED)
    Policies(confirm_requires="paid").confirm_if_ready(order)
    assert order.status == "pending"


SOON = PLACED + timedelta(microseconds=1)


def held(order: Order) -> None:
    order.put_on_hold("fraud", until=LATER, at=NOW)


EXPIRED: dict[str, tuple[tuple[Step, ...], bool]] = {
    "unpaid": ((), True),
    "failed": ((pay("p1", "failed", 2_500),), True),
    "voided": ((AUTHORIZED, pay("p1", "voided", 2_500)), True),
    "authorized": ((pay("p1", "authorized", 1),), False),
    "captured": ((pay("p1", "captured", 1),), False),
    "refunded": ((CAPTURED, refund(2_500), settle(2_500, "succeeded")), False),
    "confirmed": ((lambda order: order.confirm(at=NOW),), False),
    "cancelled": ((lambda order: order.cancel(at=NOW),), False),
    "on hold": ((held,), False),
}


@pytest.mark.parametrize("steps, expires", EXPIRED.values(), ids=EXPIRED)
def test_pending_order_expires_if_nothing_was_paid_or_authorized(steps: tuple[Step, ...], expires: bool) -> None:
    order = after(*steps)
    assert has_expired(order, SOON, at=NOW) == expires


def test_order_expires_after_its_time_and_not_before() -> None:
    order = after()
    assert not has_expired(order, PLACED, at=NOW)
    assert has_expired(order, SOON, at=NOW)


def test_hold_that_has_ended_does_not_keep_an_order() -> None:
    order = after(held)
    assert not has_expired(order, SOON, at=LATER - timedelta(microseconds=1))
    assert has_expired(order, SOON, at=LATER)


def test_order_without_an_amount_due_does_not_expire() -> None:
    assert not has_expired(free_order(), SOON, at=NOW)
