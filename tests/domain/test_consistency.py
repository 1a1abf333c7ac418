"""An imported order is taken only if its parts fit together, as they do after commands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InconsistentOrder, InvalidInput
from orderkeep.domain.lines import LineQuantity, OrderLine
from orderkeep.domain.payments import Payment
from orderkeep.domain.returns import ReturnedUnits
from orderkeep.domain.shipments import Tracking
from orderkeep.domain.value_objects import Hold, Money

AT = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
FIELDS = (
    *("currency", "lines", "shipping", "discount", "tax", "hold", "shipments", "payments", "refunds", "returns"),
    *("notes", "updated_at", "cancellation"),
)


def lived() -> Order:
    """Return an order of which everything happened: two parcels, one delivered, units returned, cancelled and held."""
    lines = tuple(OrderLine(sku, "Lamp", 4, Money(1_000, "EUR"), Money(0, "EUR"), Money(0, "EUR")) for sku in "AB")
    order = Order.place("order-1", "user-42", Money(8_000, "EUR"), at=AT, lines=lines)
    order.confirm(at=AT)
    order.add_shipment([LineQuantity("l1", 3)], Tracking("DHL", "JD0001", "https://dhl.example/JD0001"), at=AT)
    order.add_shipment([LineQuantity("l2", 2)], at=AT)
    order.deliver_shipment("s1", at=AT + timedelta(days=1))
    order.cancel_lines([LineQuantity("l2", 1)], "sold out", at=AT + timedelta(days=1))
    order.request_return([LineQuantity("l1", 2)], "broken", at=AT + timedelta(days=2))
    order.receive_return("r1", [ReturnedUnits("l1", 1, "scratched")], at=AT + timedelta(days=3))
    order.record_payment(Payment("pay-1", "captured", 8_000, "card", AT), at=AT)
    order.add_refund("refund-1", 1_000, "broken", [LineQuantity("l1", 1)], at=AT + timedelta(days=4))
    order.put_on_hold("address", at=AT + timedelta(days=5))
    order.add_note("Called.", "internal", at=AT + timedelta(days=6))
    return order


def imported(order: Order, **changes: Any) -> Order:
    given = {name: getattr(order, name) for name in FIELDS} | changes
    status = given.pop("status", order.status)
    return Order.imported(order.id, order.user_id, order.total, status, order.created_at, **given)


@pytest.mark.parametrize("number_of_lines", [0, 2])
def test_imports_what_commands_made(number_of_lines: int) -> None:
    order = lived() if number_of_lines else Order.place("order-1", "user-42", Money(8_000, "EUR"), at=AT)
    copy = imported(order)
    assert [getattr(copy, name) for name in FIELDS] == [getattr(order, name) for name in FIELDS]
    assert (copy.status, copy.balance) == (order.status, order.balance)


def changed_line(order: Order, number: int, **changes: Any) -> dict[str, Any]:
    lines = [replace(line, **changes) if index == number else line for index, line in enumerate(order.lines)]
    return {"lines": tuple(lines)}


Change = Callable[[Order], dict[str, Any]]
CONTRADICTIONS: list[tuple[str, Change]] = [
    ("lines/0/cancelled", lambda order: changed_line(order, 0, cancelled=2)),
    ("lines/0/cancelled", lambda order: changed_line(order, 0, cancelled=-1)),
    ("lines/0/returned", lambda order: changed_line(order, 0, returned=4)),
    ("lines/0/shipped", lambda order: changed_line(order, 0, shipped=4)),
    ("lines/0/delivered", lambda order: changed_line(order, 0, delivered=2)),
    ("lines/0/returned", lambda order: changed_line(order, 0, returned=0)),
    ("lines/1/shipped", lambda order: {"shipments": order.shipments[:1]}),
    ("shipments", lambda order: {"shipments": (replace(order.shipments[0], lines=(LineQuantity("l9", 3),)),)}),
    ("shipments", lambda order: {"shipments": tuple(replace(each, id="s1") for each in order.shipments)}),
    ("status", lambda _: {"status": "processing"}),
    ("status", lambda _: {"status": "shipped"}),
    ("returns", lambda order: {"returns": (replace(order.returns[0], status="rejected"),)}),
    ("returns", lambda order: {"returns": (replace(order.returns[0], lines=(LineQuantity("l9", 1),)),)}),
    ("returns", lambda order: {"returns": (*order.returns, replace(order.returns[0], received=(), status="rejected"))}),
    ("payments", lambda order: {"payments": order.payments * 2}),
    ("refunds", lambda order: {"refunds": order.refunds * 2}),
    ("refunds", lambda order: {"refunds": (replace(order.refunds[0], amount=8_001),)}),
    ("refunds", lambda order: {"refunds": (replace(order.refunds[0], lines=(LineQuantity("l9", 1),)),)}),
    ("notes", lambda order: {"notes": order.notes * 2}),
]


@pytest.mark.parametrize("field, change", CONTRADICTIONS, ids=count())
def test_rejects_parts_that_contradict_each_other(field: str, change: Change) -> None:
    order = lived()
    with pytest.raises(InconsistentOrder) as rejected:
        imported(order, **change(order))
    assert rejected.value.field == field


def test_rejects_a_hold_when_nothing_is_left_to_ship() -> None:
    order = Order.place("order-1", "user-42", Money(8_000, "EUR"), at=AT)
    with pytest.raises(InconsistentOrder, match="nothing is left to ship"):
        imported(order, status="shipped", hold=Hold("address", None, None, AT))


@pytest.mark.parametrize(
    "change",
    [
        lambda order: {"shipments": (replace(order.shipments[0], tracking_url="javascript:1"), order.shipments[1])},
        lambda order: {"payments": (replace(order.payments[0], reference=""),)},
        lambda order: {"payments": (*order.payments, replace(order.payments[0], reference="p9", amount=10**15 - 1))},
        lambda order: {"refunds": (replace(order.refunds[0], reason="a\nb"),)},
        lambda order: {"returns": (replace(order.returns[0], note="\0"),)},
        lambda order: {"notes": (replace(order.notes[0], text=" "),)},
        lambda order: {"hold": replace(order.hold, reason="")},
    ],
    ids=["shipment", "payment", "sum of payments", "refund", "return", "note", "hold"],
)
def test_checks_the_parts_as_commands_do(change: Change) -> None:
    order = lived()
    with pytest.raises(InvalidInput) as rejected:
        imported(order, **change(order))
    assert not isinstance(rejected.value, InconsistentOrder)
