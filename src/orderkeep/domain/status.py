"""The lifecycle of an order, as a table. Methods, answers, docs and buttons are all made from it."""

from enum import StrEnum

from orderkeep.domain.exceptions import (
    CannotCancelOrder,
    CannotConfirmOrder,
    CannotDeliverOrder,
    CannotShipOrder,
    CommandRefused,
)


class OrderStatus(StrEnum):
    """Where an order stands. Equal to its plain text: `OrderStatus.PENDING == "pending"`."""

    PENDING = "pending"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Command(StrEnum):
    """What can be asked of an order."""

    CONFIRM = "confirm"
    SHIP = "ship"
    DELIVER = "deliver"
    CANCEL = "cancel"


LIFECYCLE: dict[tuple[OrderStatus, Command], OrderStatus] = {
    (OrderStatus.PENDING, Command.CONFIRM): OrderStatus.PROCESSING,
    (OrderStatus.PENDING, Command.CANCEL): OrderStatus.CANCELLED,
    (OrderStatus.PROCESSING, Command.SHIP): OrderStatus.SHIPPED,
    (OrderStatus.PROCESSING, Command.CANCEL): OrderStatus.CANCELLED,
    (OrderStatus.SHIPPED, Command.DELIVER): OrderStatus.DELIVERED,
}
"""What each command makes of each status. What is not here is refused."""

REFUSALS: dict[Command, type[CommandRefused]] = {
    Command.CONFIRM: CannotConfirmOrder,
    Command.SHIP: CannotShipOrder,
    Command.DELIVER: CannotDeliverOrder,
    Command.CANCEL: CannotCancelOrder,
}


def next_status(status: str, command: Command) -> OrderStatus:
    """Return the status that `command` leads to; raise the command's own `CommandRefused` where it leads nowhere."""
    follower = LIFECYCLE.get((OrderStatus(status), command))
    if follower is None:
        raise REFUSALS[command](status)
    return follower


def allowed_commands(status: str) -> tuple[Command, ...]:
    """Return the commands that an order in this status accepts, in the order of the lifecycle."""
    return tuple(command for (origin, command) in LIFECYCLE if origin == status)
