"""The returns of an order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from orderkeep.domain import limits
from orderkeep.domain.exceptions import InvalidOrder, ReturnNotFound
from orderkeep.domain.lifecycle import Event, OrderStatus
from orderkeep.domain.lines import LineQuantity, OrderLine, check_available, quantities, value_of
from orderkeep.domain.order_state import OrderState
from orderkeep.domain.returns import (
    NothingToReturn,
    Return,
    ReturnAlreadyClosed,
    ReturnCancelled,
    ReturnedUnits,
    ReturnReceived,
    ReturnRejected,
    ReturnRequested,
    ReturnState,
    return_units,
    returnable_units,
)

_RETURNABLE = "delivered units left to return"
_CLOSED_BY: dict[str, type[ReturnRejected | ReturnCancelled]] = {
    ReturnState.REJECTED: ReturnRejected,
    ReturnState.CANCELLED: ReturnCancelled,
}


class ReturnCommands(OrderState):
    """The returns of an order."""

    def request_return(self, lines: Iterable[LineQuantity] = (), reason: str | None = None, *, at: datetime) -> None:
        """Record that delivered units, by default all, are to be returned.

        Raises `NothingToReturn`, `QuantityNotAvailable`, `TooManyRecords`, and `InvalidInput`.
        """
        left = returnable_units(self.lines, self.returns)
        units = quantities(self.lines, lines) or {line_id: count for line_id, count in left.items() if count}
        wanted = tuple([LineQuantity(line_id, count) for line_id, count in units.items()])
        returned = Return(f"r{len(self.returns) + 1}", ReturnState.REQUESTED, wanted, reason, self._not_before(at))
        returned.check()
        if not units and (self.lines or not self._can_return_whole()):
            raise NothingToReturn(self.status)
        check_available(units, left, self.status, _RETURNABLE)
        self._check_count("returns", len(self.returns), limits.MAX_RETURNS)
        self.returns += (returned,)
        self._record(at, ReturnRequested(returned.id))

    def receive_return(
        self, return_id: str, received: Iterable[ReturnedUnits] = (), note: str | None = None, *, at: datetime
    ) -> None:
        """Record which units of a return arrived, by default those requested. The value of them is suggested for a
        refund. Raises like `close_return`, and `QuantityNotAvailable`.
        """
        found = self._open_return(return_id)
        arrived = tuple(received) or tuple([ReturnedUnits(each.line, each.quantity) for each in found.lines])
        units = quantities(self.lines, [LineQuantity(each.line, each.quantity) for each in arrived])
        others = [each for each in self.returns if each is not found]
        check_available(units, returnable_units(self.lines, others), self.status, _RETURNABLE)
        value = value_of(self.lines, self._goods, units) if self.lines else self._goods
        closed = replace(found, status=ReturnState.RECEIVED, received=arrived, suggested_refund=value, note=note)
        self._close(found, closed, ReturnReceived(return_id), at, return_units(self.lines, units))

    def close_return(self, return_id: str, outcome: str, note: str | None = None, *, at: datetime) -> None:
        """Reject or cancel a return. Raises `ReturnNotFound`, `ReturnAlreadyClosed`, and `InvalidInput`."""
        found = self._open_return(return_id)
        if outcome not in _CLOSED_BY:
            raise InvalidOrder(f"must be {' or '.join(_CLOSED_BY)}", "status")
        event = _CLOSED_BY[outcome](return_id)
        self._close(found, replace(found, status=outcome, note=note), event, at, self.lines)

    def _can_return_whole(self) -> bool:
        """Return whether an order without lines was delivered, and neither returned nor requested to be."""
        states = {each.status for each in self.returns}
        return self.status == OrderStatus.DELIVERED and states.isdisjoint({ReturnState.REQUESTED, ReturnState.RECEIVED})

    def _open_return(self, return_id: str) -> Return:
        found = next((each for each in self.returns if each.id == return_id), None)
        if found is None:
            raise ReturnNotFound(self.id, [each.id for each in self.returns])
        if found.status != ReturnState.REQUESTED:
            raise ReturnAlreadyClosed(self.status, found.status)
        return found

    def _close(self, found: Return, closed: Return, event: Event, at: datetime, lines: tuple[OrderLine, ...]) -> None:
        closed.check()
        self.lines = lines
        closed = replace(closed, closed_at=self._not_before(at))
        self.returns = tuple([closed if each is found else each for each in self.returns])
        self._record(at, event)
