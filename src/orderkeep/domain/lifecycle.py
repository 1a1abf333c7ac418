"""The lifecycle of an order: statuses, commands, the statuses that each command can lead to, rejections and events.
Those of shipments, payments, returns and policies are in the modules of these.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from orderkeep.domain.exceptions import OrderkeepError


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


class CommandRejected(OrderkeepError, code="command_rejected", title="Order cannot be changed"):
    """The state of the order does not allow the command. Nothing was written."""

    def __init__(self, status: str, message: str = "") -> None:
        super().__init__(message or f"{self.title}: it is {status}")
        self.status = status


class CannotConfirmOrder(CommandRejected, code="cannot_confirm_order", title="Order cannot be confirmed"):
    """Only a pending order can be confirmed."""


class CannotShipOrder(CommandRejected, code="cannot_ship_order", title="Order cannot be shipped"):
    """Only an order in `processing` or `partially_shipped` can be shipped."""


class OrderNotConfirmed(CannotShipOrder, code="order_not_confirmed", title="Order is not confirmed"):
    """A pending order cannot be shipped: confirm it first."""

    def __init__(self, status: str) -> None:
        super().__init__(status, "the order is pending: confirm it before you ship it")


class NothingToShip(CannotShipOrder, code="nothing_to_ship", title="Nothing to ship"):
    """All units of the order are shipped or cancelled."""

    def __init__(self, status: str) -> None:
        super().__init__(status, "all units of the order are shipped or cancelled")


class CannotDeliverOrder(CommandRejected, code="cannot_deliver_order", title="Order cannot be delivered"):
    """Only an order with a shipment that is not delivered yet can be delivered."""


class CannotCancelOrder(CommandRejected, code="cannot_cancel_order", title="Order cannot be cancelled"):
    """Only a pending order or an order in processing can be cancelled."""


class NothingToCancel(CommandRejected, code="nothing_to_cancel", title="Nothing to cancel"):
    """All units of the order are shipped or cancelled, or the order has no lines."""

    def __init__(self, status: str, *, has_lines: bool = True) -> None:
        whole = "the order has no lines: cancel it as a whole"
        super().__init__(status, "all units of the order are shipped or cancelled" if has_lines else whole)


class OrderOnHold(CommandRejected, code="order_on_hold", title="Order is on hold"):
    """An order on hold can be neither confirmed nor shipped."""

    def __init__(self, status: str) -> None:
        super().__init__(status, "the order is on hold: release it before you confirm or ship it")


class CannotHoldOrder(CommandRejected, code="cannot_hold_order", title="Order cannot be put on hold"):
    """Only an order of which something is to be shipped can be put on hold."""


class CannotReleaseOrder(CommandRejected, code="cannot_release_order", title="Order cannot be released"):
    """Only an order on hold can be released."""

    def __init__(self, status: str) -> None:
        super().__init__(status, f"{self.title}: it is not on hold")


class ExternalRefIsSet(CommandRejected, code="external_ref_is_set", title="External reference is set"):
    """The external reference of an order can be set once, and not changed or removed."""

    field = "external_ref"

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.args = ("the order has an external reference already, which cannot be changed or removed",)


class QuantityNotAvailable(CommandRejected, code="quantity_not_available", title="Quantity not available"):
    """A line has fewer units than the command names that can be shipped, cancelled or returned. `index` is the place of
    the line in the command.
    """

    def __init__(self, status: str, line_id: str, wanted: int, available: int, state: str, index: int = 0) -> None:
        state = state.replace("units", "unit") if available == 1 else state
        found = f"only {available} {state}, not {wanted}" if available else f"no {state}"
        super().__init__(status, f"line {line_id} has {found}")
        self.field = f"lines/{index}/quantity"


class TooManyRecords(CommandRejected, code="too_many_records", title="Too many records"):
    """The order has the maximum number of shipments, payments, refunds, returns or notes."""

    def __init__(self, status: str, kind: str, limit: int) -> None:
        super().__init__(status, f"the order already has {limit} {kind}, the maximum")


class TooManyDocuments(CommandRejected, code="too_many_documents", title="Too many documents"):
    """The order has the maximum number of documents."""

    def __init__(self, status: str, limit: int) -> None:
        super().__init__(status, f"the order already has {limit} documents, the maximum")


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


class Event:
    """Base class of the events of an order. A change records them together with the resulting order, so that they
    contain little.
    """

    __slots__: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class OrderPlaced(Event):
    """An order was placed."""


@dataclass(frozen=True, slots=True)
class OrderImported(Event):
    """An order from another system was imported, with its dates and its status."""

    status: str


@dataclass(frozen=True, slots=True)
class OrderConfirmed(Event):
    """The order was confirmed and is being processed."""


@dataclass(frozen=True, slots=True)
class OrderShipped(Event):
    """All of the order was shipped."""


@dataclass(frozen=True, slots=True)
class OrderDelivered(Event):
    """All of the order was delivered to the customer."""


@dataclass(frozen=True, slots=True)
class OrderCancelled(Event):
    """The order was cancelled."""

    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LinesCancelled(Event):
    """Units of lines were cancelled."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OrderHeld(Event):
    """The order was put on hold."""

    reason: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class OrderReleased(Event):
    """The order is no longer on hold."""


@dataclass(frozen=True, slots=True)
class NoteAdded(Event):
    """A note was added."""

    note_id: str


@dataclass(frozen=True, slots=True)
class NoteEdited(Event):
    """The text of a note changed."""

    note_id: str


@dataclass(frozen=True, slots=True)
class DetailsChanged(Event):
    """Tags, metadata or the external reference changed."""


@dataclass(frozen=True, slots=True)
class PersonalDataChanged(Event):
    """The customer or an address changed."""


@dataclass(frozen=True, slots=True)
class PersonalDataErased(Event):
    """The personal data was erased, and its receipts were replaced by ones without it."""


@dataclass(frozen=True, slots=True)
class DocumentAttached(Event):
    """A document of the order was stored, such as a receipt; `document_id` is the SHA-256 of its content."""

    document_id: str
    kind: str
    media_type: str
