"""Payments and refunds are facts: the order in which they are reported does not matter."""

from collections import deque
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import RefundNotFound
from orderkeep.domain.payments import Payment, PaymentKind, RefundAlreadyFailed, RefundExceedsPayments
from tests.domain.orders import NOW, PLACED, order_of, units


class Report(NamedTuple):
    """Something that is reported of an order: of a payment, a refund or its outcome, or a command."""

    what: str
    reference: str = ""
    amount: int = 0


@st.composite
def reports(draw: st.DrawFn) -> list[Report]:
    """Draw reports of which the refunds do not exceed the captured payments."""
    amounts = st.integers(1, 4_000)
    found = [
        Report(kind, reference, draw(amounts))
        for kind in PaymentKind
        for reference in draw(st.sets(st.sampled_from(["pi_1", "pi_2", "pi_3"]), max_size=3))
    ]
    left = sum(report.amount for report in found if report.what == PaymentKind.CAPTURED)
    for number in range(draw(st.integers(0, 3))):
        if left:
            amount = draw(st.integers(1, left))
            left -= amount
            found.append(Report("refund", f"re_{number}", amount))
            outcomes = draw(st.sets(st.sampled_from(["succeeded", "failed"])))
            found += [Report(f"refund {outcome}", f"re_{number}") for outcome in sorted(outcomes)]
    return found + [Report(each) for each in draw(st.sets(st.sampled_from(["cancel_lines", "cancel"])))]


def apply(order: Order, report: Report) -> bool:
    """Apply a report, and return whether it was possible yet."""
    try:
        match report.what:
            case "cancel":
                order.cancel(at=NOW)
            case "cancel_lines":
                if order.status != "cancelled":
                    order.cancel_lines(units(l2=1), at=NOW)
            case "refund":
                order.add_refund(report.reference, report.amount, at=NOW)
            case "refund succeeded" | "refund failed":
                order.close_refund(report.reference, report.what.removeprefix("refund "), at=NOW)
            case kind:
                order.record_payment(Payment(report.reference, kind, report.amount, None, PLACED), at=NOW)
    except (RefundExceedsPayments, RefundNotFound):
        return False
    except RefundAlreadyFailed:  # a failure is final, whichever was reported first
        return True
    return True


def after(reports: list[Report]) -> Order:
    """Return an order after reports. What is not possible yet is reported again later, as a client does."""
    order, waiting = order_of(2, 2), deque(reports)
    while waiting:
        report = waiting.popleft()
        if not apply(order, report):
            waiting.append(report)
        balance = order.balance
        assert balance.refundable >= 0
        assert order.obligations == (balance.refund_due, balance.void_due)
        if not report.what.startswith("cancel"):
            apply(order, report)  # reported twice: nothing changes
            assert order.balance == balance
    return order


@given(st.data())
def test_any_order_of_the_same_reports_ends_in_the_same_amounts_and_status(data: st.DataObject) -> None:
    first = data.draw(reports())
    second = data.draw(st.permutations(first))
    one, other = after(first), after(second)
    assert one.balance == other.balance
    assert (one.status, one.payment_status, one.obligations) == (other.status, other.payment_status, other.obligations)
    assert {(each.reference, each.status) for each in one.refunds} == {
        (each.reference, each.status) for each in other.refunds
    }
