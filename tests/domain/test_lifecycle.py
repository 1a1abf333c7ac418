"""The whole matrix of statuses and commands, walked from a table that was written for the test alone."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from orderkeep.domain.entities import Order
from orderkeep.domain.events import (
    Event,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderShipped,
    ShipmentCreated,
    ShipmentDelivered,
)
from orderkeep.domain.exceptions import (
    CannotCancelOrder,
    CannotConfirmOrder,
    CannotDeliverOrder,
    CannotShipOrder,
    CommandRejected,
)
from orderkeep.domain.status import LIFECYCLE, REJECTIONS, Command, OrderStatus, allowed_commands, commands_between

#             confirm       ship       deliver      cancel
MATRIX = """
  pending     processing    -          -            cancelled
  processing  -             shipped    -            cancelled
  shipped     -             -          delivered    -
  delivered   -             -          -            -
  cancelled   -             -          -            -
"""
COMMANDS: dict[str, tuple[Callable[[Order, datetime], None], list[Event], type[CommandRejected], str]] = {
    "confirm": (lambda order, at: order.confirm(at=at), [OrderConfirmed()], CannotConfirmOrder, "confirmed"),
    "ship": (lambda order, at: order.ship(at=at), [OrderShipped(), ShipmentCreated("s1")], CannotShipOrder, "shipped"),
    "deliver": (
        lambda order, at: order.deliver(at=at),
        [OrderDelivered(), ShipmentDelivered("s1")],
        CannotDeliverOrder,
        "delivered",
    ),
    "cancel": (
        lambda order, at: order.cancel("too slow", "by phone", at=at),
        [OrderCancelled("too slow", "by phone")],
        CannotCancelOrder,
        "cancelled",
    ),
}
CELLS = [
    (status, command, None if follower == "-" else follower)
    for status, *followers in map(str.split, MATRIX.strip().splitlines())
    for command, follower in zip(COMMANDS, followers, strict=True)
]
PLACED = datetime(2026, 5, 6, 7, 8, 9, 10, UTC)
NOW = datetime(2026, 6, 7, 8, 9, 10, 11, UTC)


def order_in(status: str) -> Order:
    return Order("order-1", "user-42", 99.0, status, PLACED)  # type: ignore[arg-type]


@pytest.mark.parametrize("status, command, follower", [cell for cell in CELLS if cell[2]])
def test_accepts_the_commands_of_the_table(status: str, command: str, follower: str) -> None:
    order = order_in(status)
    run, events, _, _ = COMMANDS[command]
    run(order, NOW)
    assert (order.status, order.events, order.updated_at) == (follower, events, NOW)
    assert LIFECYCLE[OrderStatus(status), Command(command)][-1] == follower


@pytest.mark.parametrize("status, command", [cell[:2] for cell in CELLS if not cell[2]])
def test_rejects_all_other_commands_and_changes_nothing(status: str, command: str) -> None:
    order = order_in(status)
    before = copy.deepcopy(vars(order))
    run, _, error, verb = COMMANDS[command]
    with pytest.raises(error) as refused:
        run(order, NOW)
    assert vars(order) == before
    assert type(refused.value) is error
    assert str(refused.value) == f"Order cannot be {verb}: it is {status}"
    assert refused.value.status == status


def test_the_matrix_is_whole() -> None:
    assert {status for status, _, _ in CELLS} == set(OrderStatus) - {"partially_shipped"}
    assert list(Command) == list(REJECTIONS)
    followers = {(str(origin), str(command)): str(new[-1]) for (origin, command), new in LIFECYCLE.items()}
    wanted = {(origin, command): follower for origin, command, follower in CELLS if follower}
    whole = {pair: new for pair, new in followers.items() if pair[0] != "partially_shipped" and pair[1] in COMMANDS}
    assert whole == wanted


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


def test_needs_no_reason_to_cancel() -> None:
    order = order_in("pending")
    order.cancel(at=NOW)
    assert order.events == [OrderCancelled(None, None)]


def test_never_goes_back_in_time_where_a_clock_does() -> None:
    order = order_in("pending")
    order.confirm(at=NOW)
    order.cancel(at=PLACED)
    assert order.updated_at == NOW
    assert order.cancellation is not None
    assert order.cancellation.at == NOW


@pytest.mark.parametrize(
    "status, target, commands",
    [
        ("pending", "pending", ()),
        ("pending", "delivered", (Command.CONFIRM, Command.SHIP, Command.DELIVER)),
        ("pending", "cancelled", (Command.CANCEL,)),
        ("processing", "cancelled", (Command.CANCEL,)),
        ("shipped", "cancelled", ()),
        ("delivered", "pending", ()),
    ],
)
def test_the_fewest_commands_lead_to_another_status(status: str, target: str, commands: tuple[Command, ...]) -> None:
    assert commands_between(status, target) == commands
