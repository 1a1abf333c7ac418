"""Returns of an order: what the customer wants to return, and what arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from orderkeep.domain import limits
from orderkeep.domain.lifecycle import CommandRejected, Event
from orderkeep.domain.lines import LineQuantity, OrderLine
from orderkeep.domain.value_objects import check_text


class ReturnStatus(StrEnum):
    """The status of an order's returns: `requested` while one is open, then how much came back."""

    NONE = "none"
    REQUESTED = "requested"
    PARTIALLY_RETURNED = "partially_returned"
    RETURNED = "returned"


class ReturnState(StrEnum):
    """The status of one return."""

    REQUESTED = "requested"
    RECEIVED = "received"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ReturnedUnits:
    """Units of a line that arrived, and their condition in the words of the person who looked at them."""

    line: str
    quantity: int
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """Units that the customer wants to return, and those that arrived. `suggested_refund` is the value of these, in
    minor units of the order's currency; nothing is refunded by it.
    """

    id: str
    status: str
    lines: tuple[LineQuantity, ...]
    reason: str | None
    created_at: datetime
    received: tuple[ReturnedUnits, ...] = ()
    suggested_refund: int = 0
    note: str | None = None
    closed_at: datetime | None = None

    def check(self) -> None:
        """Raise `InvalidInput` if a text breaks a rule."""
        if self.reason is not None:
            check_text(self.reason, "reason", limits.MAX_REASON_LENGTH)
        if self.note is not None:
            check_text(self.note, "note", limits.MAX_NOTE_LENGTH, breaks=True)
        for index, each in enumerate(self.received):
            if each.condition is not None:
                check_text(each.condition, f"lines/{index}/condition", limits.MAX_CONDITION_LENGTH)


class NothingToReturn(CommandRejected, code="nothing_to_return", title="Nothing to return"):
    """Nothing of the order was delivered, or all of it was returned or is to be."""

    def __init__(self, status: str) -> None:
        super().__init__(status, "the order has no delivered units that can be returned")


class ReturnAlreadyClosed(CommandRejected, code="return_already_closed", title="Return already closed"):
    """A return that was received, rejected or cancelled does not change any more."""

    def __init__(self, status: str, return_status: str) -> None:
        super().__init__(status, f"the return was {return_status} already, which closed it: request another return")


@dataclass(frozen=True, slots=True)
class ReturnRequested(Event):
    """The customer wants to return units of the order."""

    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnReceived(Event):
    """Returned units arrived."""

    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnRejected(Event):
    """A return was not accepted."""

    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnCancelled(Event):
    """The customer keeps the units after all."""

    return_id: str


def to_close(returns: Sequence[Return]) -> str:
    """Return the ID of the first return that is open, or else of the last one, or "" without any."""
    return next(
        (each.id for each in returns if each.status == ReturnState.REQUESTED), returns[-1].id if returns else ""
    )


def returnable_units(lines: Sequence[OrderLine], returns: Sequence[Return]) -> dict[str, int]:
    """Return the units of each line that were delivered and neither returned nor requested to be."""
    left = {line.id: line.delivered - line.returned for line in lines}
    for each in returns:
        if each.status == ReturnState.REQUESTED:
            for units in each.lines:
                left[units.line] -= units.quantity
    return left


def return_units(lines: Sequence[OrderLine], units: Mapping[str, int]) -> tuple[OrderLine, ...]:
    """Return the lines after units of them were returned."""
    return tuple([replace(line, returned=line.returned + units.get(line.id, 0)) for line in lines])


def return_status(lines: Sequence[OrderLine], returns: Sequence[Return]) -> ReturnStatus:
    """Return how much of an order was returned. One without lines is returned as a whole."""
    states = {each.status for each in returns}
    if ReturnState.REQUESTED in states:
        return ReturnStatus.REQUESTED
    if ReturnState.RECEIVED not in states:
        return ReturnStatus.NONE
    complete = all(line.returned == line.live for line in lines)
    return ReturnStatus.RETURNED if complete else ReturnStatus.PARTIALLY_RETURNED
