"""The order lifecycle: statuses, commands and the transition table, from which methods and documentation are made."""

from enum import StrEnum

from orderkeep.domain.exceptions import (
    CannotCancelOrder,
    CannotConfirmOrder,
    CannotDeliverOrder,
    CannotShipOrder,
    CommandRefused,
)


class OrderStatus(StrEnum):
    """The status of an order. Equal to its plain text: `OrderStatus.PENDING == "pending"`."""

    PENDING = "pending"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Command(StrEnum):
    """A request to change the status of an order."""

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
"""The status that each command leads to. A pair that is not listed is rejected."""

REFUSALS: dict[Command, type[CommandRefused]] = {
    Command.CONFIRM: CannotConfirmOrder,
    Command.SHIP: CannotShipOrder,
    Command.DELIVER: CannotDeliverOrder,
    Command.CANCEL: CannotCancelOrder,
}


def next_status(status: str, command: Command) -> OrderStatus:
    """Return the status that `command` leads to, or raise the `CommandRefused` of that command."""
    follower = LIFECYCLE.get((OrderStatus(status), command))
    if follower is None:
        raise REFUSALS[command](status)
    return follower


def allowed_commands(status: str) -> tuple[Command, ...]:
    """Return the commands that an order in this status accepts, in lifecycle order."""
    return tuple(command for (origin, command) in LIFECYCLE if origin == status)
