"""Returns: requested, received, rejected or cancelled, and the refund that they suggest."""

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.returns import (
    Return,
    ReturnCancelled,
    ReturnedUnits,
    ReturnReceived,
    ReturnRejected,
    ReturnRequested,
    ReturnState,
)
from tests.domain.orders import LATER, NOW, PLACED, order_of, quantities_of, rejected, units

CLOSED = "which closed it: request another return"
NOTHING = "the order has no delivered units that can be returned"

CLOSED = " already, which closed it: request another return"


def delivered(*quantities: int) -> Order:
    order = order_of(*quantities)
    order.ship(at=PLACED)
    order.deliver(at=PLACED)
    order.events.clear()
    return order


def test_delivered_units_are_requested_and_received_with_their_condition() -> None:
    order = delivered(3, 2)
    order.request_return(units(l2=1, l1=2), "too small", at=NOW)
    requested = Return("r1", ReturnState.REQUESTED, units(l2=1, l1=2), "too small", NOW)
    assert (order.returns, order.events, order.updated_at) == ((requested,), [ReturnRequested("r1")], NOW)
    assert (order.return_status, order.status, quantities_of(order)[0]) == ("requested", "delivered", (0, 3, 3, 0))
    arrived = (ReturnedUnits("l1", 2, "worn"), ReturnedUnits("l2", 2))
    order.receive_return("r1", arrived, "by post", at=LATER)
    assert order.returns == (
        Return("r1", ReturnState.RECEIVED, units(l2=1, l1=2), "too small", NOW, arrived, 6_000, "by post", LATER),
    )
    assert (order.events[1:], order.updated_at) == ([ReturnReceived("r1")], LATER)
    assert quantities_of(order) == [(0, 3, 3, 2), (0, 2, 2, 2)]
    assert (order.return_status, order.status) == ("partially_returned", "delivered")


def test_a_return_is_of_all_delivered_units_and_receives_those_requested_by_default() -> None:
    order = order_of(3, 2)
    order.add_shipment(units(l1=2), at=PLACED)
    order.add_shipment(units(l1=1), at=PLACED)
    order.deliver_shipment("s1", at=PLACED)
    order.request_return(at=NOW)
    assert order.returns[0].lines == units(l1=2)
    order.receive_return("r1", at=NOW)
    assert order.returns[0].received == (ReturnedUnits("l1", 2),)
    assert (order.returns[0].suggested_refund, order.return_status) == (2_000, "partially_returned")
    order.deliver_shipment("s2", at=NOW)
    order.cancel_lines(at=NOW)
    order.request_return(at=NOW)
    order.receive_return("r2", at=NOW)
    assert (order.status, order.return_status) == ("delivered", "returned")


@pytest.mark.parametrize("outcome, event", [("rejected", ReturnRejected("r1")), ("cancelled", ReturnCancelled("r1"))])
def test_a_return_that_is_rejected_or_cancelled_changes_no_quantity_and_can_be_requested_again(
    outcome: str, event: ReturnRejected | ReturnCancelled
) -> None:
    for order in (delivered(2), delivered()):
        order.request_return(at=NOW)
        order.close_return("r1", outcome, "worn", at=LATER)
        found = order.returns[0]
        assert (found.status, found.note, found.closed_at, found.suggested_refund) == (outcome, "worn", LATER, 0)
        assert (order.events[1:], order.return_status) == ([event], "none")
        assert all(line.returned == 0 for line in order.lines)
        order.request_return(at=LATER)
        assert (order.returns[1].id, order.return_status) == ("r2", "requested")


def test_at_most_the_units_that_are_neither_returned_nor_requested_are_returned() -> None:
    order = delivered(4, 2)
    order.request_return(units(l1=2), at=NOW)
    quantity = "lines/0/quantity"
    with rejected(
        order, "quantity_not_available", "line l1 has only 2 delivered units left to return, not 3", quantity
    ):
        order.request_return(units(l1=3, l2=1), at=NOW)
    order.request_return(units(l1=1), at=NOW)
    with rejected(
        order, "quantity_not_available", "line l1 has only 3 delivered units left to return, not 4", quantity
    ):
        order.receive_return("r1", [ReturnedUnits("l1", 4)], at=NOW)
    order.receive_return("r1", [ReturnedUnits("l1", 3)], at=NOW)
    with rejected(order, "quantity_not_available", "line l1 has no delivered units left to return", quantity):
        order.request_return(units(l1=1), at=NOW)
    assert order.return_status == "requested"


def test_what_was_not_delivered_is_not_returned() -> None:
    shipped, whole = order_of(2), order_of()
    for order in (shipped, whole):
        order.ship(at=NOW)
        with rejected(order, "nothing_to_return", NOTHING):
            order.request_return(at=NOW)
    with rejected(
        shipped, "quantity_not_available", "line l1 has no delivered units left to return", "lines/0/quantity"
    ):
        shipped.request_return(units(l1=1), at=NOW)


@pytest.mark.parametrize("quantities", [(2, 1), ()])
def test_what_is_returned_or_to_be_is_not_returned_again(quantities: tuple[int, ...]) -> None:
    order = delivered(*quantities)
    order.request_return(at=NOW)
    with rejected(order, "nothing_to_return", NOTHING):
        order.request_return(at=NOW)
    order.receive_return("r1", at=NOW)
    with rejected(order, "nothing_to_return", NOTHING):
        order.request_return(at=NOW)
    assert order.return_status == "returned"


def test_an_order_without_lines_is_returned_as_a_whole_without_its_shipping() -> None:
    order = delivered()
    order.request_return(at=NOW)
    order.receive_return("r1", at=NOW)
    assert (order.returns[0].lines, order.returns[0].received) == ((), ())
    assert order.returns[0].suggested_refund == 9_400


def test_a_return_that_is_closed_or_unknown_does_not_change() -> None:
    order = delivered(2)
    order.request_return(at=NOW)
    for missing in ("r2", "R1", ""):
        with rejected(order, "return_not_found", "the order has no return with this ID, only r1"):
            order.receive_return(missing, at=NOW)
    order.close_return("r1", "rejected", at=NOW)
    with rejected(order, "return_already_closed", f"the return was rejected{CLOSED}"):
        order.receive_return("r1", at=NOW)
    with rejected(order, "return_already_closed", f"the return was rejected{CLOSED}"):
        order.close_return("r1", "rejected", at=NOW)
    order.request_return(at=NOW)
    order.receive_return("r2", at=NOW)
    with rejected(order, "return_already_closed", f"the return was received{CLOSED}"):
        order.close_return("r2", "cancelled", at=NOW)


def test_the_texts_of_a_return_keep_their_limits() -> None:
    order = delivered(3)
    with rejected(order, "text_too_long", "must have at most 100 characters", "reason"):
        order.request_return(reason="r" * 101, at=NOW)
    order.request_return(units(l1=1), "r" * 100, at=NOW)
    with rejected(order, "text_too_long", "must have at most 1000 characters", "note"):
        order.close_return("r1", "rejected", "n" * 1_001, at=NOW)
    with rejected(order, "text_too_long", "must have at most 100 characters", "lines/0/condition"):
        order.receive_return("r1", [ReturnedUnits("l1", 1, "c" * 101)], at=NOW)
    with rejected(order, "text_missing", "must not be empty or blank", "lines/0/condition"):
        order.receive_return("r1", [ReturnedUnits("l1", 1, "")], at=NOW)
    order.receive_return("r1", [ReturnedUnits("l1", 1, "c" * 100)], "n" * 1_000, at=NOW)


def test_what_arrives_is_of_known_lines() -> None:
    order = delivered(2)
    order.request_return(at=NOW)
    with rejected(order, "unknown_line", "must be the ID of a line of the order: l1", "lines/0/line"):
        order.receive_return("r1", [ReturnedUnits("l2", 1)], at=NOW)


def test_an_order_has_at_most_50_returns() -> None:
    order = delivered(51)
    for _ in range(50):
        order.request_return([LineQuantity("l1", 1)], at=NOW)
    with rejected(order, "too_many_records", "the order already has 50 returns, the maximum"):
        order.request_return(at=NOW)
