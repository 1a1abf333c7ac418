"""Holds: an order that must not be confirmed or shipped for a while."""

from datetime import timedelta

import pytest

from orderkeep.domain.lifecycle import OrderConfirmed, OrderHeld, OrderReleased, OrderShipped
from orderkeep.domain.shipments import ShipmentCreated
from orderkeep.domain.value_objects import Hold
from tests.domain.orders import LATER, NOW, order_of, rejected, units

HELD = "the order is on hold: release it before you confirm or ship it"


def test_a_hold_has_a_reason_a_note_and_an_end_and_is_released() -> None:
    order = order_of(2)
    order.put_on_hold("fraud check", "by Ben", LATER.replace(tzinfo=None), at=NOW)
    assert order.hold == Hold("fraud check", "by Ben", LATER, NOW)
    assert (order.events, order.updated_at) == ([OrderHeld("fraud check", "by Ben")], NOW)
    assert (order.on_hold, order.status) == (True, "processing")
    order.release(at=LATER)
    assert (order.on_hold, order.events[1:], order.updated_at) == (False, [OrderReleased()], LATER)
    with rejected(order, "cannot_release_order", "Order cannot be released: it is not on hold"):
        order.release(at=LATER)


def test_a_second_hold_replaces_the_first() -> None:
    order = order_of(2)
    order.put_on_hold("fraud check", "by Ben", LATER, at=NOW)
    order.put_on_hold("address", at=NOW)
    assert order.hold == Hold("address", None, None, NOW)


def test_confirm_is_rejected_until_the_hold_ends_and_then_ends_it() -> None:
    order = order_of(2, confirmed=False)
    order.put_on_hold("fraud check", until=LATER, at=NOW)
    order.events.clear()
    with rejected(order, "order_on_hold", HELD):
        order.confirm(at=LATER - timedelta(microseconds=1))
    order.confirm(at=LATER)
    assert order.events == [OrderConfirmed(), OrderReleased()]
    assert not order.on_hold


def test_any_change_after_its_end_ends_a_hold() -> None:
    order = order_of(2)
    order.put_on_hold("fraud check", until=LATER, at=NOW)
    order.cancel_lines(units(l1=1), at=NOW)
    assert order.on_hold
    order.add_note("packed", "internal", at=LATER)
    assert (order.on_hold, order.events[-1]) == (False, OrderReleased())


@pytest.mark.parametrize("lines", [(2,), ()])
def test_only_an_order_of_which_something_is_to_be_shipped_is_put_on_hold(lines: tuple[int, ...]) -> None:
    order = order_of(*lines)
    order.ship(at=NOW)
    assert order.events == [OrderShipped(), ShipmentCreated("s1")]
    with rejected(order, "cannot_hold_order", "Order cannot be put on hold: it is shipped"):
        order.put_on_hold("address", at=NOW)


@pytest.mark.parametrize(
    "texts, code, field, message",
    [
        (("r" * 101, None), "text_too_long", "reason", "must have at most 100 characters"),
        (("", None), "text_missing", "reason", "must not be empty or blank"),
        (("r", "n" * 1_001), "text_too_long", "note", "must have at most 1000 characters"),
        (("r\n", None), "text_not_printable", "reason", "must not contain control characters"),
    ],
)
def test_the_reason_and_the_note_of_a_hold_keep_their_limits(
    texts: tuple[str, str | None], code: str, field: str, message: str
) -> None:
    order = order_of(2)
    with rejected(order, code, message, field):
        order.put_on_hold(*texts, at=NOW)
    order.put_on_hold("r" * 100, "n" * 999 + "\n", at=NOW)
