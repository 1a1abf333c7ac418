"""The lifecycle of an order: the statuses, the commands, and the statuses that each command can lead to."""

from enum import StrEnum

from orderkeep.domain.exceptions import (
    CannotCancelOrder,
    CannotConfirmOrder,
    CannotDeliverOrder,
    CannotHoldOrder,
    CannotReleaseOrder,
    CannotShipOrder,
    CommandRejected,
    NothingToCancel,
)


class OrderStatus(StrEnum):
    """The status of an order. Equal to its plain text: `OrderStatus.PENDING == "pending"`."""

    PENDING = "pending"
    PROCESSING = "processing"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Command(StrEnum):
    """A request to change an order, which its status may reject."""

    CONFIRM = "confirm"
    SHIP = "ship"
    DELIVER = "deliver"
    CANCEL = "cancel"
    CANCEL_LINES = "cancel_lines"
    HOLD = "hold"
    RELEASE = "release"


_S, _C = OrderStatus, Command

LIFECYCLE: dict[tuple[OrderStatus, Command], tuple[OrderStatus, ...]] = {
    (_S.PENDING, _C.CONFIRM): (_S.PROCESSING,),
    (_S.PENDING, _C.CANCEL): (_S.CANCELLED,),
    (_S.PENDING, _C.CANCEL_LINES): (_S.PENDING, _S.CANCELLED),
    (_S.PENDING, _C.HOLD): (_S.PENDING,),
    (_S.PENDING, _C.RELEASE): (_S.PENDING,),
    (_S.PROCESSING, _C.SHIP): (_S.PARTIALLY_SHIPPED, _S.SHIPPED),
    (_S.PROCESSING, _C.CANCEL): (_S.CANCELLED,),
    (_S.PROCESSING, _C.CANCEL_LINES): (_S.PROCESSING, _S.CANCELLED),
    (_S.PROCESSING, _C.HOLD): (_S.PROCESSING,),
    (_S.PROCESSING, _C.RELEASE): (_S.PROCESSING,),
    (_S.PARTIALLY_SHIPPED, _C.SHIP): (_S.PARTIALLY_SHIPPED, _S.SHIPPED),
    (_S.PARTIALLY_SHIPPED, _C.DELIVER): (_S.PARTIALLY_SHIPPED,),
    (_S.PARTIALLY_SHIPPED, _C.CANCEL_LINES): (_S.PARTIALLY_SHIPPED, _S.SHIPPED, _S.DELIVERED),
    (_S.PARTIALLY_SHIPPED, _C.HOLD): (_S.PARTIALLY_SHIPPED,),
    (_S.PARTIALLY_SHIPPED, _C.RELEASE): (_S.PARTIALLY_SHIPPED,),
    (_S.SHIPPED, _C.DELIVER): (_S.SHIPPED, _S.DELIVERED),
}
"""The statuses that each command can lead to. If there are several, the units decide: the first one follows while some
are left to ship, deliver or cancel. A pair that is not listed is rejected.
"""

REJECTIONS: dict[Command, type[CommandRejected]] = {
    Command.CONFIRM: CannotConfirmOrder,
    Command.SHIP: CannotShipOrder,
    Command.DELIVER: CannotDeliverOrder,
    Command.CANCEL: CannotCancelOrder,
    Command.CANCEL_LINES: NothingToCancel,
    Command.HOLD: CannotHoldOrder,
    Command.RELEASE: CannotReleaseOrder,
}

_WHOLE = (Command.CONFIRM, Command.SHIP, Command.DELIVER, Command.CANCEL)


def allowed_commands(status: str) -> tuple[Command, ...]:
    """Return the commands that this status does not reject, in lifecycle order."""
    return tuple(command for (origin, command) in LIFECYCLE if origin == status)


def commands_between(status: str, target: str) -> tuple[Command, ...]:
    """Return the fewest commands on whole orders that lead from one status to another; empty if they are equal or none
    lead there.
    """
    paths: dict[OrderStatus, tuple[Command, ...]] = {OrderStatus(status): ()}
    waiting = [OrderStatus(status)]
    for origin in waiting:
        for command in _WHOLE:
            follower = LIFECYCLE.get((origin, command), (origin,))[-1]
            if follower not in paths:
                paths[follower] = (*paths[origin], command)
                waiting.append(follower)
    return paths.get(OrderStatus(target), ())
