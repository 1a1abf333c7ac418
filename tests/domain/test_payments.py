"""Payments and refunds: facts, recorded whatever the status, and what they add up to."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import OrderCancelled, OrderStatus
from orderkeep.domain.payments import (
    Balance,
    ObligationsChanged,
    Payment,
    PaymentKind,
    PaymentRecorded,
    Refund,
    RefundCreated,
    RefundFailed,
    RefundStatus,
    RefundSucceeded,
    payment_status,
)
from tests.domain.orders import LATER, NOW, PLACED, order_of, rejected, units

AUTHORIZED, CAPTURED, VOIDED, FAILED = PaymentKind


def payment(kind: str, amount: int, reference: str = "pi_1", **changes: Any) -> Payment:
    return replace(Payment(reference, kind, amount, "card", PLACED), **changes)


def paid(*quantities: int, amount: int = 9_900) -> Order:
    order = order_of(*quantities)
    order.record_payment(payment(CAPTURED, amount), at=PLACED)
    order.events.clear()
    return order


@pytest.mark.parametrize("status", OrderStatus)
@pytest.mark.parametrize("kind", PaymentKind)
def test_a_payment_is_recorded_in_every_status(status: str, kind: str) -> None:
    order = Order("order-1", "user-42", 99.0, status, PLACED)  # type: ignore[arg-type]
    order.record_payment(payment(kind, 100), at=NOW)
    assert order.payments == (payment(kind, 100),)
    assert (order.events[0], order.updated_at, order.status) == (PaymentRecorded(kind, "pi_1"), NOW, status)


def test_the_same_payment_again_changes_nothing_and_another_amount_is_a_conflict() -> None:
    order = paid()
    order.record_payment(payment(CAPTURED, 9_900, method="cash", occurred_at=NOW), at=LATER)
    assert (order.payments, order.events, order.updated_at) == ((payment(CAPTURED, 9_900),), [], PLACED)
    message = "this payment is recorded with 9900, not 9901 (minor units of EUR): "
    with rejected(order, "recorded_differently", message + "use another reference for another amount", "amount"):
        order.record_payment(payment(CAPTURED, 9_901), at=NOW)
    order.record_payment(payment(AUTHORIZED, 9_901), at=NOW)
    order.record_payment(payment(CAPTURED, 9_901, "pi_2"), at=NOW)
    assert order.balance.captured == 19_801


LIMITS: list[tuple[str, Any, Any, str, str]] = [
    ("reference", "r" * 128, "r" * 129, "text_too_long", "must have at most 128 characters"),
    ("reference", "r", " ", "text_missing", "must not be empty or blank"),
    ("amount", 1, 0, "amount_out_of_range", "must be a whole number of minor units from 1 to below 10^15"),
    (
        "amount",
        10**15 - 1,
        10**15,
        "amount_out_of_range",
        "must be a whole number of minor units from 1 to below 10^15",
    ),
    ("amount", 1, 1.0, "amount_out_of_range", "must be a whole number of minor units from 1 to below 10^15"),
    ("method", "m" * 50, "m" * 51, "text_too_long", "must have at most 50 characters"),
    ("method", None, "\n", "text_missing", "must not be empty or blank"),
    (
        "occurred_at",
        NOW + timedelta(hours=1),
        NOW + timedelta(hours=1, microseconds=1),
        "invalid_time",
        "must be at most one hour in the future",
    ),
]


@pytest.mark.parametrize("field, accepted, refused, code, message", LIMITS)
def test_a_payment_keeps_its_limits(field: str, accepted: Any, refused: Any, code: str, message: str) -> None:
    order = order_of()
    with rejected(order, code, message, field):
        order.record_payment(replace(payment(FAILED, 100), **{field: refused}), at=NOW)
    order.record_payment(replace(payment(FAILED, 100), **{field: accepted}), at=NOW)
    assert getattr(order.payments[0], field) == accepted


def test_a_naive_time_of_a_payment_is_utc() -> None:
    order = order_of()
    order.record_payment(payment(CAPTURED, 100, occurred_at=PLACED.replace(tzinfo=None)), at=NOW)
    assert order.payments[0].occurred_at == PLACED


def test_an_order_has_at_most_200_payments() -> None:
    order = order_of()
    for number in range(200):
        order.record_payment(payment(CAPTURED, 1, f"pi_{number}"), at=NOW)
    with rejected(order, "too_many_records", "the order already has 200 payments, the maximum"):
        order.record_payment(payment(CAPTURED, 1, "pi_200"), at=NOW)
    order.record_payment(payment(CAPTURED, 1, "pi_199"), at=NOW)


@pytest.mark.parametrize("kind", PaymentKind)
def test_payments_of_a_kind_add_up_to_less_than_the_limit_of_an_amount(kind: str) -> None:
    order = order_of()
    order.record_payment(payment(kind, 10**15 - 2), at=NOW)
    message = f"is too large: the {kind} payments must add up to below 10^15 minor units"
    with rejected(order, "amount_out_of_range", message, "amount"):
        order.record_payment(payment(kind, 2, "pi_2"), at=NOW)
    order.record_payment(payment(kind, 1, "pi_2"), at=NOW)
    order.record_payment(payment(kind, 1, "pi_2"), at=NOW)
    assert len(order.payments) == 2


def test_amounts_add_up_by_kind_and_a_failure_adds_nothing() -> None:
    order = order_of()
    for number, (kind, amount) in enumerate([(AUTHORIZED, 5_000), (AUTHORIZED, 3_000), (VOIDED, 1_000), (FAILED, 700)]):
        order.record_payment(payment(kind, amount, f"pi_{number}"), at=NOW)
    assert order.balance == Balance(9_900, authorized=7_000)
    assert order.payment_status == "partially_authorized"
    order.record_payment(payment(CAPTURED, 2_000), at=NOW)
    assert order.balance == Balance(9_900, authorized=7_000, captured=2_000)
    assert order.balance.refundable == 2_000


def test_a_void_that_is_reported_first_is_worth_no_more_than_its_authorization() -> None:
    order = order_of()
    order.record_payment(payment(VOIDED, 500), at=NOW)
    assert order.balance.authorized == 0
    order.record_payment(payment(AUTHORIZED, 700), at=NOW)
    assert order.balance.authorized == 200


def test_a_refund_is_pending_until_it_succeeds() -> None:
    order = paid(3, amount=3_500)
    order.add_refund("re_1", 1_000, "damaged", units(l1=1), at=NOW)
    assert order.refunds == (Refund("re_1", 1_000, RefundStatus.PENDING, "damaged", units(l1=1), NOW),)
    assert (order.events, order.updated_at) == ([RefundCreated("re_1")], NOW)
    assert order.balance == Balance(3_500, captured=3_500, refund_pending=1_000)
    assert (order.payment_status, order.balance.refundable) == ("paid", 2_500)
    order.close_refund("re_1", "succeeded", PLACED, at=LATER)
    assert order.refunds == (Refund("re_1", 1_000, RefundStatus.SUCCEEDED, "damaged", units(l1=1), NOW, PLACED),)
    assert (order.events[1:], order.updated_at) == ([RefundSucceeded("re_1")], LATER)
    assert order.balance == Balance(3_500, captured=3_500, refunded=1_000)
    assert order.payment_status == "partially_refunded"
    assert order.lines[0].returned == 0


def test_a_refund_that_failed_can_be_replaced_and_even_one_that_succeeded_may_fail_later() -> None:
    order = paid(amount=1_000)
    order.add_refund("re_1", 1_000, at=NOW)
    order.add_refund("re_1", 1_000, "again", at=LATER)
    order.close_refund("re_1", "succeeded", at=NOW)
    order.close_refund("re_1", "succeeded", PLACED, at=LATER)
    assert (len(order.refunds), order.updated_at) == (1, NOW)
    order.events.clear()
    order.close_refund("re_1", "failed", at=NOW)
    assert order.events == [RefundFailed("re_1")]
    message = "the refund failed already: record a refund with another reference"
    with rejected(order, "refund_already_failed", message):
        order.close_refund("re_1", "succeeded", at=NOW)
    order.add_refund("re_2", 1_000, at=NOW)
    order.close_refund("re_2", "succeeded", at=NOW)
    assert order.balance == Balance(9_900, captured=1_000, refunded=1_000)
    assert order.payment_status == "refunded"


def test_refunds_never_exceed_what_was_captured_also_while_they_are_pending() -> None:
    order = paid(amount=1_000)
    order.record_payment(payment(AUTHORIZED, 5_000), at=NOW)
    order.add_refund("re_1", 400, at=NOW)
    order.add_refund("re_2", 100, at=NOW)
    order.close_refund("re_2", "succeeded", at=NOW)
    message = "at most 500 of the captured payments can be refunded, not 501 (minor units of EUR)"
    with rejected(order, "refund_exceeds_payments", message, "amount"):
        order.add_refund("re_3", 501, at=NOW)
    order.add_refund("re_3", 500, at=NOW)
    with rejected(order, "refund_exceeds_payments", "nothing that was captured is left to be refunded", "amount"):
        order.add_refund("re_4", 1, at=NOW)
    message = "this refund is recorded with 400, not 401 (minor units of EUR): use another reference for another amount"
    with rejected(order, "recorded_differently", message, "amount"):
        order.add_refund("re_1", 401, at=NOW)


@pytest.mark.parametrize("field, accepted, refused, code, message", [
    *LIMITS[:5],
    ("reason", "r" * 100, "r" * 101, "text_too_long", "must have at most 100 characters"),
    ("reason", None, "", "text_missing", "must not be empty or blank"),
])  # fmt: skip
def test_a_refund_keeps_its_limits(field: str, accepted: Any, refused: Any, code: str, message: str) -> None:
    order = paid(amount=10**15 - 1)
    values: dict[str, Any] = {"reference": "re_1", "amount": 100}
    with rejected(order, code, message, field):
        order.add_refund(**values | {field: refused}, at=NOW)
    order.add_refund(**values | {field: accepted}, at=NOW)
    assert getattr(order.refunds[0], field) == accepted


def test_a_refund_closes_at_most_an_hour_from_now_and_only_if_it_exists() -> None:
    order = paid()
    with rejected(order, "refund_not_found", "the order has no refund"):
        order.close_refund("re_1", "failed", at=NOW)
    order.add_refund("re_1", 100, at=NOW)
    with rejected(order, "invalid_time", "must be at most one hour in the future", "occurred_at"):
        order.close_refund("re_1", "failed", NOW + timedelta(hours=1, microseconds=1), at=NOW)
    order.close_refund("re_1", "failed", at=NOW)
    with rejected(order, "invalid_time", "must be at most one hour in the future", "occurred_at"):
        order.close_refund("re_1", "failed", NOW + timedelta(hours=1, microseconds=1), at=NOW)


def test_an_order_has_at_most_100_refunds() -> None:
    order = paid()
    for number in range(100):
        order.add_refund(f"re_{number}", 1, at=NOW)
    with rejected(order, "too_many_records", "the order already has 100 refunds, the maximum"):
        order.add_refund("re_100", 1, at=NOW)
    order.add_refund("re_99", 1, at=NOW)


def test_a_payment_of_a_cancelled_order_is_an_obligation_until_it_is_refunded() -> None:
    order = order_of(confirmed=False)
    order.cancel(at=NOW)
    assert (order.payment_status, order.balance) == ("none_due", Balance(0))
    order.events.clear()
    order.record_payment(payment(AUTHORIZED, 9_900), at=NOW)
    assert order.events == [PaymentRecorded(AUTHORIZED, "pi_1"), ObligationsChanged()]
    assert (order.balance.void_due, order.balance.refund_due, order.payment_status) == (9_900, 0, "none_due")
    order.record_payment(payment(CAPTURED, 6_000), at=NOW)
    assert (order.balance.void_due, order.balance.refund_due, order.payment_status) == (3_900, 6_000, "overpaid")
    order.record_payment(payment(VOIDED, 3_900), at=NOW)
    order.events.clear()
    order.add_refund("re_1", 6_000, at=NOW)
    assert order.events == [RefundCreated("re_1"), ObligationsChanged()]
    order.close_refund("re_1", "succeeded", at=NOW)
    assert (order.obligations, order.events[2:]) == ((0, 0), [RefundSucceeded("re_1")])
    assert order.payment_status == "refunded"
    order.close_refund("re_1", "failed", at=NOW)
    assert (order.obligations, order.events[3:]) == ((6_000, 0), [RefundFailed("re_1"), ObligationsChanged()])


def test_cancelling_what_was_paid_is_an_obligation() -> None:
    order = paid(2, 1, amount=4_500)
    order.cancel_lines(units(l2=1), at=NOW)
    assert (order.balance.refund_due, order.events[-1]) == (2_000, ObligationsChanged())
    order.cancel(at=NOW)
    assert (order.balance.refund_due, order.events[-2:]) == (4_500, [OrderCancelled(), ObligationsChanged()])


# The statuses as the design lists them: the first that applies. D is due, A authorized, C captured, R refunded.
STATUSES = """
  none_due              D == 0 and C == 0
  unpaid                A == 0 and C == 0
  authorized            C == 0 and A >= D
  partially_authorized  C == 0
  partially_paid        0 < C - R < D and R == 0
  paid                  C == D and R == 0
  overpaid              C - R > D
  refunded              R == C > 0
  partially_refunded    0 < R < C
"""
RULES = [
    (name, compile(condition.strip(), name, "eval"))
    for name, condition in (line.strip().split(" ", 1) for line in STATUSES.strip().splitlines())
]


def test_every_combination_of_amounts_has_the_first_status_of_the_table_that_applies() -> None:
    found = set()
    for due, authorized, captured, refunded in product(range(9), repeat=4):
        if refunded <= captured:  # refunds never exceed what was captured
            amounts = {"D": due, "A": authorized, "C": captured, "R": refunded}
            expected = next(name for name, condition in RULES if eval(condition, {}, amounts))
            assert payment_status(due, authorized, captured, refunded) == expected, amounts
            found.add(expected)
    assert found == {name for name, _ in RULES}
