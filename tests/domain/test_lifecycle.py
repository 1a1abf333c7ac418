"""The whole matrix of statuses and commands, walked from tables that were written for the test alone."""

import copy
from collections.abc import Callable

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.domain.lifecycle import (
    LIFECYCLE,
    REJECTIONS,
    Command,
    Event,
    LinesCancelled,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderReleased,
    OrderShipped,
    OrderStatus,
    allowed_commands,
    commands_between,
)
from orderkeep.domain.shipments import ShipmentCreated, ShipmentDelivered
from tests.domain.orders import LATER, NOW, PLACED, order_of, quantities_of, rejected, units

# What a command makes of an order of 2 units of one line and 1 of another: its status, the code of its rejection, or
# "same" if it is accepted and changes nothing.
MATRIX = """
  order                       command        follows
  pending                     confirm        processing
  pending                     ship part      order_not_confirmed
  pending                     add the rest   order_not_confirmed
  pending                     ship           cannot_ship_order
  pending                     delivered      shipment_not_found
  pending                     deliver        cannot_deliver_order
  pending                     cancel         cancelled
  pending                     cancel part    pending
  pending                     cancel rest    cancelled
  pending                     hold           pending
  pending                     release        cannot_release_order
  pending,held                confirm        order_on_hold
  pending,held                ship part      order_not_confirmed
  pending,held                add the rest   order_not_confirmed
  pending,held                ship           cannot_ship_order
  pending,held                delivered      shipment_not_found
  pending,held                deliver        cannot_deliver_order
  pending,held                cancel         cancelled
  pending,held                cancel part    pending
  pending,held                cancel rest    cancelled
  pending,held                hold           pending
  pending,held                release        pending
  processing                  confirm        cannot_confirm_order
  processing                  ship part      partially_shipped
  processing                  add the rest   shipped
  processing                  ship           shipped
  processing                  delivered      shipment_not_found
  processing                  deliver        cannot_deliver_order
  processing                  cancel         cancelled
  processing                  cancel part    processing
  processing                  cancel rest    cancelled
  processing                  hold           processing
  processing                  release        cannot_release_order
  processing,held             confirm        cannot_confirm_order
  processing,held             ship part      order_on_hold
  processing,held             add the rest   order_on_hold
  processing,held             ship           order_on_hold
  processing,held             delivered      shipment_not_found
  processing,held             deliver        cannot_deliver_order
  processing,held             cancel         cancelled
  processing,held             cancel part    processing
  processing,held             cancel rest    cancelled
  processing,held             hold           processing
  processing,held             release        processing
  partially_shipped           confirm        cannot_confirm_order
  partially_shipped           ship part      partially_shipped
  partially_shipped           add the rest   shipped
  partially_shipped           ship           shipped
  partially_shipped           delivered      partially_shipped
  partially_shipped           deliver        partially_shipped
  partially_shipped           cancel         cannot_cancel_order
  partially_shipped           cancel part    partially_shipped
  partially_shipped           cancel rest    shipped
  partially_shipped           hold           partially_shipped
  partially_shipped           release        cannot_release_order
  partially_shipped,held      confirm        cannot_confirm_order
  partially_shipped,held      ship part      order_on_hold
  partially_shipped,held      add the rest   order_on_hold
  partially_shipped,held      ship           order_on_hold
  partially_shipped,held      delivered      partially_shipped
  partially_shipped,held      deliver        partially_shipped
  partially_shipped,held      cancel         cannot_cancel_order
  partially_shipped,held      cancel part    partially_shipped
  partially_shipped,held      cancel rest    shipped
  partially_shipped,held      hold           partially_shipped
  partially_shipped,held      release        partially_shipped
  partially_shipped,delivered confirm        cannot_confirm_order
  partially_shipped,delivered ship part      partially_shipped
  partially_shipped,delivered add the rest   shipped
  partially_shipped,delivered ship           shipped
  partially_shipped,delivered delivered      same
  partially_shipped,delivered deliver        cannot_deliver_order
  partially_shipped,delivered cancel         cannot_cancel_order
  partially_shipped,delivered cancel part    partially_shipped
  partially_shipped,delivered cancel rest    delivered
  partially_shipped,delivered hold           partially_shipped
  partially_shipped,delivered release        cannot_release_order
  shipped                     confirm        cannot_confirm_order
  shipped                     ship part      nothing_to_ship
  shipped                     add the rest   nothing_to_ship
  shipped                     ship           cannot_ship_order
  shipped                     delivered      shipped
  shipped                     deliver        delivered
  shipped                     cancel         cannot_cancel_order
  shipped                     cancel part    nothing_to_cancel
  shipped                     cancel rest    nothing_to_cancel
  shipped                     hold           cannot_hold_order
  shipped                     release        cannot_release_order
  shipped,delivered           confirm        cannot_confirm_order
  shipped,delivered           ship part      nothing_to_ship
  shipped,delivered           add the rest   nothing_to_ship
  shipped,delivered           ship           cannot_ship_order
  shipped,delivered           delivered      delivered
  shipped,delivered           deliver        delivered
  shipped,delivered           cancel         cannot_cancel_order
  shipped,delivered           cancel part    nothing_to_cancel
  shipped,delivered           cancel rest    nothing_to_cancel
  shipped,delivered           hold           cannot_hold_order
  shipped,delivered           release        cannot_release_order
  delivered                   confirm        cannot_confirm_order
  delivered                   ship part      nothing_to_ship
  delivered                   add the rest   nothing_to_ship
  delivered                   ship           cannot_ship_order
  delivered                   delivered      same
  delivered                   deliver        cannot_deliver_order
  delivered                   cancel         cannot_cancel_order
  delivered                   cancel part    nothing_to_cancel
  delivered                   cancel rest    nothing_to_cancel
  delivered                   hold           cannot_hold_order
  delivered                   release        cannot_release_order
  cancelled                   confirm        cannot_confirm_order
  cancelled                   ship part      nothing_to_ship
  cancelled                   add the rest   nothing_to_ship
  cancelled                   ship           cannot_ship_order
  cancelled                   delivered      shipment_not_found
  cancelled                   deliver        cannot_deliver_order
  cancelled                   cancel         cannot_cancel_order
  cancelled                   cancel part    nothing_to_cancel
  cancelled                   cancel rest    nothing_to_cancel
  cancelled                   hold           cannot_hold_order
  cancelled                   release        cannot_release_order
"""
COMMANDS: dict[str, tuple[Command, Callable[[Order], None]]] = {
    "confirm": (Command.CONFIRM, lambda order: order.confirm(at=NOW)),
    "ship part": (Command.SHIP, lambda order: order.add_shipment(units(l1=1), at=NOW)),
    "add the rest": (Command.SHIP, lambda order: order.add_shipment(at=NOW)),
    "ship": (Command.SHIP, lambda order: order.ship(at=NOW)),
    "delivered": (Command.DELIVER, lambda order: order.deliver_shipment(f"s{len(order.shipments)}", at=NOW)),
    "deliver": (Command.DELIVER, lambda order: order.deliver(at=NOW)),
    "cancel": (Command.CANCEL, lambda order: order.cancel("too slow", "by phone", at=NOW)),
    "cancel part": (Command.CANCEL_LINES, lambda order: order.cancel_lines(units(l1=1), at=NOW)),
    "cancel rest": (Command.CANCEL_LINES, lambda order: order.cancel_lines(reason="sold out", at=NOW)),
    "hold": (Command.HOLD, lambda order: order.put_on_hold("fraud check", at=NOW)),
    "release": (Command.RELEASE, lambda order: order.release(at=NOW)),
}
CELLS = [
    (line[:28].strip(), line[28:43].strip(), line[43:].strip())
    for line in (row.removeprefix("  ") for row in MATRIX.strip("\n").splitlines()[1:])
]


def order_in(state: str) -> Order:
    """Return an order of 2 and 1 units in a state of the matrix."""
    status, _, more = state.partition(",")
    order = order_of(2, 1, confirmed=status != "pending")
    if status == "cancelled":
        order.cancel(at=PLACED)
    elif status not in ("pending", "processing"):
        order.add_shipment(units(l2=1), at=PLACED)
        if more == "delivered":
            order.deliver_shipment("s1", at=PLACED)
        if status in ("shipped", "delivered"):
            order.add_shipment(at=PLACED)
        if status == "delivered":
            order.deliver(at=PLACED)
    if more == "held":
        order.put_on_hold("address", at=PLACED)
    assert order.status == status
    order.mark_saved("seal")
    return order


@pytest.mark.parametrize("state, command, follows", CELLS)
def test_every_command_in_every_status_has_the_outcome_of_the_table(state: str, command: str, follows: str) -> None:
    order, run = order_in(state), COMMANDS[command][1]
    before = copy.deepcopy(vars(order))
    if follows in {*OrderStatus, "same"}:
        run(order)
        assert (vars(order) == before) is (follows == "same")
        assert order.status == (state.partition(",")[0] if follows == "same" else follows)
    else:
        with pytest.raises(OrderkeepError) as raised:
            run(order)
        assert (raised.value.code, vars(order)) == (follows, before)


def test_the_matrix_is_complete_and_the_lifecycle_lists_the_same_followers() -> None:
    assert len({cell[:2] for cell in CELLS}) == len(CELLS) == len({cell[0] for cell in CELLS}) * len(COMMANDS)
    assert {state.partition(",")[0] for state, _, _ in CELLS} == set(OrderStatus)
    found: dict[tuple[str, str], set[str]] = {}
    for state, command, follows in CELLS:
        if follows in set(OrderStatus):
            found.setdefault((state.partition(",")[0], COMMANDS[command][0]), set()).add(follows)
    assert found == {pair: set(followers) for pair, followers in LIFECYCLE.items()}
    assert list(Command) == list(REJECTIONS)


# An order without lines ships and is delivered as a whole.
#             confirm       ship       deliver      cancel
WHOLE = """
  pending     processing    -          -            cancelled
  processing  -             shipped    -            cancelled
  shipped     -             -          delivered    -
  delivered   -             -          -            -
  cancelled   -             -          -            -
"""
WHOLE_EVENTS: dict[str, tuple[list[Event], str]] = {
    "confirm": ([OrderConfirmed()], "confirmed"),
    "ship": ([OrderShipped(), ShipmentCreated("s1")], "shipped"),
    "deliver": ([OrderDelivered(), ShipmentDelivered("s1")], "delivered"),
    "cancel": ([OrderCancelled("too slow", "by phone")], "cancelled"),
}
WHOLE_CELLS = [
    (status, command, follower)
    for status, *followers in map(str.split, WHOLE.strip().splitlines())
    for command, follower in zip(WHOLE_EVENTS, followers, strict=True)
]


@pytest.mark.parametrize("status, command, follower", WHOLE_CELLS)
def test_an_order_without_lines_follows_the_table_of_whole_orders(status: str, command: str, follower: str) -> None:
    order = Order("order-1", "user-42", 99.0, status, PLACED)  # type: ignore[arg-type]
    events, verb = WHOLE_EVENTS[command]
    if follower == "-":
        with rejected(order, f"cannot_{command}_order", f"Order cannot be {verb}: it is {status}"):
            COMMANDS[command][1](order)
    else:
        COMMANDS[command][1](order)
        assert (order.status, order.events, order.updated_at) == (follower, events, NOW)


@pytest.mark.parametrize(
    "status, commands",
    [
        ("pending", ("confirm", "cancel", "cancel_lines", "hold", "release")),
        ("processing", ("ship", "cancel", "cancel_lines", "hold", "release")),
        ("partially_shipped", ("ship", "deliver", "cancel_lines", "hold", "release")),
        ("shipped", ("deliver",)),
        ("delivered", ()),
        ("cancelled", ()),
    ],
)
def test_returns_the_commands_that_an_order_accepts(status: str, commands: tuple[str, ...]) -> None:
    assert allowed_commands(status) == commands
    assert order_in(status).can_be_cancelled() is ("cancel" in commands)


def test_keeps_why_and_when_an_order_was_cancelled() -> None:
    order = order_in("pending")
    order.cancel("too slow", "by phone", at=NOW)
    assert order.cancellation is not None
    assert (order.cancellation.reason, order.cancellation.note, order.cancellation.at) == ("too slow", "by phone", NOW)
    assert quantities_of(order) == [(2, 0, 0, 0), (1, 0, 0, 0)]


def test_needs_no_reason_to_cancel() -> None:
    order = order_in("pending")
    order.cancel(at=NOW)
    assert order.events == [OrderCancelled(None, None)]


def test_cancelling_all_that_is_left_cancels_the_order_and_ends_its_hold() -> None:
    order = order_in("processing,held")
    order.cancel_lines(units(l1=2, l2=1), "sold out", "by phone", at=NOW)
    assert order.events == [OrderCancelled("sold out", "by phone"), LinesCancelled("sold out"), OrderReleased()]
    assert order.cancellation is not None
    assert (order.cancellation.reason, order.cancellation.note, order.cancellation.at) == ("sold out", "by phone", NOW)
    assert not order.on_hold


def test_cancelling_what_was_not_shipped_ships_the_order_and_delivers_it_if_its_shipments_are() -> None:
    order = order_in("partially_shipped,delivered")
    order.cancel_lines(reason="sold out", at=NOW)
    assert order.events == [OrderShipped(), OrderDelivered(), LinesCancelled("sold out")]
    assert order.cancellation is None


def test_never_goes_back_in_time_where_a_clock_does() -> None:
    order = order_in("pending")
    order.confirm(at=LATER)
    order.cancel(at=NOW)
    assert order.updated_at == LATER
    assert order.cancellation is not None
    assert order.cancellation.at == LATER


@pytest.mark.parametrize(
    "status, target, commands",
    [
        ("pending", "pending", ()),
        ("pending", "delivered", (Command.CONFIRM, Command.SHIP, Command.DELIVER)),
        ("pending", "cancelled", (Command.CANCEL,)),
        ("processing", "cancelled", (Command.CANCEL,)),
        ("partially_shipped", "delivered", (Command.SHIP, Command.DELIVER)),
        ("partially_shipped", "cancelled", ()),
        ("shipped", "cancelled", ()),
        ("delivered", "pending", ()),
    ],
)
def test_the_fewest_commands_lead_to_another_status(status: str, target: str, commands: tuple[Command, ...]) -> None:
    assert commands_between(status, target) == commands
