"""Labels of an order: one for each status and obligation that differs from those of a plain order."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product

import pytest

from orderkeep.application.dtos import LABEL, OrderDTO, labels_of
from orderkeep.domain.entities import Order
from orderkeep.domain.limits import MAX_TRACKED_SHIPMENTS
from orderkeep.domain.lines import LineQuantity, OrderLine
from orderkeep.domain.payments import Payment, PaymentStatus
from orderkeep.domain.returns import ReturnStatus
from orderkeep.domain.shipments import Tracking
from orderkeep.domain.value_objects import Money

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def labels(order: Order) -> set[str]:
    """Return the labels without their prefix."""
    found = labels_of(OrderDTO.of(order))
    assert all(label.startswith(LABEL) for label in found)
    assert len(found) == len({*found})
    return {label.removeprefix(LABEL) for label in found}


Change = Callable[[Order], None]


def pay(kind: str, amount: int) -> Change:
    return lambda order: order.record_payment(Payment("pay-1", kind, amount, None, AT), at=AT)


def hold(order: Order) -> None:
    order.put_on_hold("address", at=AT)


def cancel(order: Order) -> None:
    order.cancel(at=AT)


def deliver(order: Order) -> None:
    order.confirm(at=AT)
    order.ship(at=AT)
    order.deliver(at=AT)


def request_return(order: Order) -> None:
    order.request_return(at=AT)


def receive_return(order: Order) -> None:
    order.receive_return("r1", at=AT)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ([], set()),
        ([cancel], set()),
        ([deliver], set()),
        ([hold], {"on_hold", "needs_attention"}),
        ([hold, cancel], set()),
        ([pay("authorized", 9_900)], {"payment_status:authorized"}),
        ([pay("authorized", 9_900), cancel], {"void_due", "needs_attention"}),
        ([pay("captured", 9_900)], {"payment_status:paid"}),
        ([pay("captured", 9_900), cancel], {"payment_status:overpaid", "refund_due", "needs_attention"}),
        ([deliver, request_return], {"return_status:requested", "needs_attention"}),
        ([deliver, request_return, receive_return], {"return_status:returned"}),
    ],
    ids=range(11),
)
def test_labels_follow_from_what_happened(changes: list[Change], expected: set[str]) -> None:
    order = Order.place("order-1", "user-42", Money(9_900, "EUR"), at=AT)
    for change in changes:
        change(order)
    assert labels(order) == expected


def test_every_status_and_obligation_has_a_label() -> None:
    flags = (False, True)
    for paid, returned, held, refund, void in product(PaymentStatus, ReturnStatus, flags, flags, flags):
        values = {"payment_status": paid, "return_status": returned, "on_hold": held}
        order = OrderDTO.of(Order.place("order-1", "user-42", Money(9_900, "EUR"), at=AT))
        for name, value in {**values, "refund_due": 7 * refund, "void_due": 5 * void}.items():
            setattr(order, name, value)
        given = {"on_hold": held, "refund_due": refund, "void_due": void}
        expected = {name for name, is_so in given.items() if is_so}
        if expected or returned == "requested":
            expected.add("needs_attention")
        expected |= {f"payment_status:{paid}"} if paid not in ("unpaid", "none_due") else set()
        expected |= {f"return_status:{returned}"} if returned != "none" else set()
        assert set(labels_of(order)) == {LABEL + label for label in expected}


def tracked(*numbers: str | None) -> set[str]:
    """Return the labels of an order of which one unit was shipped with each number, from the first to the last."""
    line = OrderLine("A-1", "Lamp", 100, Money(99, "EUR"), Money(0, "EUR"), Money(0, "EUR"))
    order = Order.place("order-1", "user-42", Money(9_900, "EUR"), at=AT, lines=(line,))
    order.confirm(at=AT)
    for number in numbers:
        order.add_shipment([LineQuantity("l1", 1)], Tracking("UPS", number), at=AT)
    return labels(order)


def test_tracking_numbers_of_the_newest_shipments_are_labels_once_each() -> None:
    assert tracked(None) == tracked("--") == set()
    assert tracked("1Z 999", None, "1z-999", "0034") == {"tracking:1z999", "tracking:0034"}
    numbers = [f"parcel{number}" for number in range(MAX_TRACKED_SHIPMENTS + 2)]
    assert tracked(*numbers) == {f"tracking:{number}" for number in numbers[2:]}
