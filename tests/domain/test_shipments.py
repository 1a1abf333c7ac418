"""Shipments: parts of an order, their tracking and their delivery."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import OrderDelivered, OrderReleased, OrderShipped
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.shipments import (
    Shipment,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentUpdated,
    Tracking,
    comparable,
)
from tests.domain.orders import LATER, NOW, PLACED, euros, order_of, quantities_of, rejected, units

TRACKING = Tracking("UPS", "1Z 999", "https://track.example/1Z999")


def test_a_part_is_shipped_with_its_tracking_and_its_time() -> None:
    order = order_of(3, 2)
    order.add_shipment(units(l2=1, l1=2), TRACKING, PLACED, at=NOW)
    expected = Shipment("s1", units(l2=1, l1=2), "UPS", "1Z 999", "https://track.example/1Z999", PLACED)
    assert order.shipments == (expected,)
    assert (order.events, order.updated_at) == ([ShipmentCreated("s1")], NOW)
    assert quantities_of(order) == [(0, 2, 0, 0), (0, 1, 0, 0)]
    assert (order.status, order.shipping_status) == ("partially_shipped", "partially_shipped")


def test_the_rest_is_shipped_without_what_was_cancelled_and_completes_the_order() -> None:
    order = order_of(3, 2, 1)
    order.cancel_lines(units(l1=1, l3=1), at=PLACED)
    order.add_shipment(units(l2=2), at=PLACED)
    order.events.clear()
    order.ship(at=NOW)
    assert order.shipments[1] == Shipment("s2", units(l1=2), None, None, None, NOW)
    assert order.events == [OrderShipped(), ShipmentCreated("s2")]
    assert order.shipping_status == "shipped"


def test_all_shipments_are_delivered_together_with_events_of_the_order_first() -> None:
    order = order_of(2, 1)
    for _ in range(2):
        order.add_shipment(units(l1=1), at=PLACED)
    order.ship(at=PLACED)
    order.deliver_shipment("s2", at=PLACED)
    order.events.clear()
    order.deliver(at=NOW)
    assert [shipment.delivered_at for shipment in order.shipments] == [NOW, PLACED, NOW]
    assert order.events == [OrderDelivered(), ShipmentDelivered("s1"), ShipmentDelivered("s3")]
    assert quantities_of(order) == [(0, 2, 2, 0), (0, 1, 1, 0)]
    assert (order.status, order.shipping_status) == ("delivered", "delivered")


def test_a_delivery_has_its_own_time_and_a_second_report_changes_nothing() -> None:
    order = order_of(2)
    order.add_shipment(units(l1=1), at=NOW)
    order.events.clear()
    order.deliver_shipment("s1", PLACED, at=LATER)
    assert order.shipments[0].delivered_at == PLACED
    assert (order.events, order.updated_at) == ([ShipmentDelivered("s1")], LATER)
    assert quantities_of(order) == [(0, 1, 1, 0)]
    order.deliver_shipment("s1", NOW, at=LATER + timedelta(days=1))
    assert order.shipments[0].delivered_at == PLACED
    assert (order.events, order.updated_at) == ([ShipmentDelivered("s1")], LATER)


@pytest.mark.parametrize("shipped", [0, 1])
def test_an_unknown_shipment_is_neither_delivered_nor_updated(shipped: int) -> None:
    order = order_of(2)
    if shipped:
        order.add_shipment(units(l1=1), at=NOW)
    message = "the order has no shipment" + (" with this ID, only s1" if shipped else "")
    with rejected(order, "shipment_not_found", message):
        order.deliver_shipment("s2", at=NOW)
    with rejected(order, "shipment_not_found", message):
        order.update_shipment("s2", {"carrier": "DHL"}, at=NOW)


def test_tracking_changes_by_field_and_the_same_values_change_nothing() -> None:
    order = order_of(2)
    order.add_shipment(units(l1=1), at=PLACED)
    order.add_shipment(units(l1=1), TRACKING, at=PLACED)
    order.events.clear()
    order.update_shipment("s2", {"carrier": "UPS"}, at=NOW)
    assert (order.events, order.updated_at) == ([], PLACED)
    order.update_shipment("s2", {"carrier": "DHL", "tracking_url": None}, at=NOW)
    assert order.shipments[1] == Shipment("s2", units(l1=1), "DHL", "1Z 999", None, PLACED)
    assert (order.events, order.updated_at) == ([ShipmentUpdated("s2")], NOW)
    assert order.shipments[0].carrier is None


LONG_URL = "http://a/" + "b" * 491
TEXTS = [
    ("carrier", "C" * 50, "C" * 51, "text_too_long", "must have at most 50 characters"),
    ("carrier", "C", "", "text_missing", "must not be empty or blank"),
    ("tracking_number", "1" * 100, "1" * 101, "text_too_long", "must have at most 100 characters"),
    ("tracking_number", "1", "1\n", "text_not_printable", "must not contain control characters"),
    ("tracking_url", LONG_URL, LONG_URL + "b", "text_too_long", "must have at most 500 characters"),
    ("tracking_url", "HTTPS://a", "javascript:a", "invalid_url", "must be an https:// or http:// URL"),
    ("tracking_url", "https://a/?b#c", "https:///b", "invalid_url", "must be an https:// or http:// URL"),
    ("tracking_url", "https://a/%20", "https://a/ b", "invalid_url", "must be an https:// or http:// URL"),
]


@pytest.mark.parametrize("field, accepted, refused, code, message", TEXTS)
def test_tracking_keeps_its_limits_when_added_and_when_changed(
    field: str, accepted: str, refused: str, code: str, message: str
) -> None:
    order = order_of(2)
    with rejected(order, code, message, field):
        order.add_shipment(units(l1=1), Tracking(**{field: refused}), at=NOW)
    order.add_shipment(units(l1=1), Tracking(**{field: accepted}), at=NOW)
    assert getattr(order.shipments[0], field) == accepted
    with rejected(order, code, message, field):
        order.update_shipment("s1", {field: refused}, at=NOW)


def test_only_confirmed_orders_that_are_not_on_hold_and_have_something_left_are_shipped() -> None:
    pending = order_of(2, confirmed=False)
    with rejected(pending, "order_not_confirmed", "the order is pending: confirm it before you ship it"):
        pending.add_shipment(at=NOW)
    shipped = order_of(2)
    shipped.ship(at=NOW)
    with rejected(shipped, "nothing_to_ship", "all units of the order are shipped or cancelled"):
        shipped.add_shipment(at=NOW)
    held = order_of(2)
    held.put_on_hold("address", at=NOW)
    for ship in (held.add_shipment, held.ship):
        with rejected(held, "order_on_hold", "the order is on hold: release it before you confirm or ship it"):
            ship(at=NOW)


def test_a_shipment_has_at_most_what_is_left_of_each_line() -> None:
    order = order_of(5, 2)
    order.cancel_lines(units(l1=1), at=NOW)
    order.add_shipment(units(l1=2), at=NOW)
    with rejected(order, "quantity_not_available", "line l1 has only 2 units left to ship, not 3", "lines/1/quantity"):
        order.add_shipment(units(l2=2, l1=3), at=NOW)
    order.add_shipment(units(l1=2), at=NOW)
    assert quantities_of(order)[0] == (1, 4, 0, 0)


@pytest.mark.parametrize("at", [NOW, datetime.max.replace(tzinfo=UTC)])
def test_a_shipment_or_delivery_may_be_reported_late_but_not_early(at: datetime) -> None:
    order = order_of(2)
    hour = timedelta(hours=1)
    if at == NOW:
        with rejected(order, "invalid_time", "must be at most one hour in the future", "occurred_at"):
            order.add_shipment(occurred_at=at + hour + timedelta(microseconds=1), at=at)
    order.add_shipment(occurred_at=min(at, NOW) + hour, at=at)
    if at == NOW:
        with rejected(order, "invalid_time", "must be at most one hour in the future", "occurred_at"):
            order.deliver_shipment("s1", at + hour + timedelta(microseconds=1), at=at)
    order.deliver_shipment("s1", PLACED.replace(tzinfo=None), at=at)
    assert order.shipments[0].delivered_at == PLACED
    if at == NOW:
        with rejected(order, "invalid_time", "must be at most one hour in the future", "occurred_at"):
            order.deliver_shipment("s1", at + hour + timedelta(microseconds=1), at=at)


def test_an_order_has_at_most_100_shipments_and_can_still_be_completed() -> None:
    order = order_of(101)
    for _ in range(100):
        order.add_shipment(units(l1=1), at=NOW)
    with rejected(order, "too_many_records", "the order already has 100 shipments, the maximum"):
        order.ship(at=NOW)
    order.cancel_lines(at=NOW)
    assert order.status == "shipped"


def test_the_last_shipment_ends_a_hold_that_has_ended_and_a_delivery_passes_a_hold() -> None:
    order = order_of(2)
    order.put_on_hold("address", until=LATER, at=NOW)
    order.events.clear()
    order.ship(at=LATER)
    assert order.events == [OrderShipped(), ShipmentCreated("s1"), OrderReleased()]
    part = order_of(2)
    part.add_shipment(units(l1=1), at=NOW)
    part.put_on_hold("address", at=NOW)
    part.deliver_shipment("s1", at=NOW)
    assert part.on_hold


@pytest.mark.parametrize("status, delivered_at", [("shipped", None), ("delivered", NOW)])
def test_an_imported_order_has_the_shipment_that_its_status_implies(status: str, delivered_at: datetime | None) -> None:
    source = order_of(3, 2)
    order = Order.imported("o-2", "user-42", euros(7_000), status, PLACED, updated_at=NOW, lines=source.lines)
    assert order.shipments == (Shipment("s1", units(l1=3, l2=2), None, None, None, NOW, delivered_at),)
    delivered = 0 if delivered_at is None else 1
    assert quantities_of(order) == [(0, 3, 3 * delivered, 0), (0, 2, 2 * delivered, 0)]
    whole = Order.imported("o-3", "user-42", euros(7_000), status, PLACED, updated_at=NOW)
    assert whole.shipments == (Shipment("s1", (), None, None, None, NOW, delivered_at),)


def test_an_imported_order_that_was_cancelled_has_only_cancelled_units() -> None:
    source = order_of(3, 2)
    order = Order.imported("o-2", "user-42", euros(7_000), "cancelled", PLACED, lines=source.lines)
    assert (order.shipments, quantities_of(order)) == ((), [(3, 0, 0, 0), (2, 0, 0, 0)])
    assert order.shipping_status == "none"


def test_an_order_without_lines_ships_as_a_whole() -> None:
    order = order_of()
    with rejected(order, "unknown_line", "must be the ID of a line of the order, which has none", "lines/0/line"):
        order.add_shipment([LineQuantity("l1", 1)], at=NOW)
    assert order.shipping_status == "unshipped"
    order.add_shipment(tracking=TRACKING, at=NOW)
    assert order.shipments == (Shipment("s1", (), "UPS", "1Z 999", "https://track.example/1Z999", NOW),)
    assert order.status == "shipped"


@pytest.mark.parametrize("number", ["1Z999AA1", "1z 999-aa 1", "1Z\u00a0999\u2003AA1", "-1Z--999AA1-"])
def test_tracking_numbers_are_compared_without_spaces_hyphens_and_case(number: str) -> None:
    assert comparable(number) == "1z999aa1"
    assert comparable(f"{number}.") == "1z999aa1."
