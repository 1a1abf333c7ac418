"""Import records: an order of a file, as `export` writes it. Fields that orderkeep computes are ignored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Strict

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.domain import limits
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Balance, Payment, Refund
from orderkeep.domain.personal_data import PARTS
from orderkeep.domain.returns import Return, ReturnedUnits
from orderkeep.domain.shipments import Shipment
from orderkeep.domain.value_objects import Cancellation, Hold, Note
from orderkeep.entrypoints.schemas import (
    ONE_LINE,
    Amount,
    AnyCurrency,
    Body,
    CancelBody,
    Instant,
    LineBody,
    PlaceOrderBody,
    Status,
)


class ImportedCancellation(CancelBody):
    """Reason and time of the cancellation of an imported order."""

    at: Instant


Units = Annotated[int, Field(ge=0, le=limits.MAX_QUANTITY)]


class ImportedLine(LineBody):
    """Order line to import, with the numbers of its units."""

    cancelled: Units | None = 0
    shipped: Units | None = 0
    delivered: Units | None = 0
    returned: Units | None = 0


class ImportedPart(Body):
    """A part of an imported order, as `export` writes it; the domain checks the rest."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ImportedUnits(ImportedPart):
    """A number of units of a line."""

    line: str
    quantity: int

    def to_part(self) -> LineQuantity:
        return LineQuantity(self.line, self.quantity)


_UnitList = Annotated[tuple[ImportedUnits, ...], Strict(False)]


class ImportedHold(ImportedPart):
    """Reason and time of a hold."""

    reason: str
    note: str | None = None
    until: Instant | None = None
    at: Instant

    def to_part(self) -> Hold:
        return Hold(**self.__dict__)


class ImportedShipment(ImportedPart):
    """Units that were shipped together."""

    id: str
    lines: _UnitList
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    shipped_at: Instant
    delivered_at: Instant | None = None

    def to_part(self) -> Shipment:
        return Shipment(**self.__dict__ | {"lines": _parts(self.lines)})


class ImportedPayment(ImportedPart):
    """Something that happened to a payment."""

    reference: str
    kind: Literal["authorized", "captured", "voided", "failed"]
    amount: int
    method: str | None = None
    occurred_at: Instant

    def to_part(self) -> Payment:
        return Payment(**self.__dict__)


class ImportedRefund(ImportedPart):
    """Money that is paid back."""

    reference: str
    amount: int
    status: Literal["pending", "succeeded", "failed"]
    reason: str | None = None
    lines: _UnitList = ()
    created_at: Instant
    closed_at: Instant | None = None

    def to_part(self) -> Refund:
        return Refund(**self.__dict__ | {"lines": _parts(self.lines)})


class ImportedReturnedUnits(ImportedUnits):
    """Units that arrived."""

    condition: str | None = None

    def to_part(self) -> Any:
        return ReturnedUnits(self.line, self.quantity, self.condition)


class ImportedReturn(ImportedPart):
    """Units that the customer returns."""

    id: str
    status: Literal["requested", "received", "rejected", "cancelled"]
    lines: _UnitList
    reason: str | None = None
    created_at: Instant
    received: Annotated[tuple[ImportedReturnedUnits, ...], Strict(False)] = ()
    suggested_refund: Amount = 0
    note: str | None = None
    closed_at: Instant | None = None

    def to_part(self) -> Return:
        return Return(**self.__dict__ | {"lines": _parts(self.lines), "received": _parts(self.received)})


class ImportedNote(ImportedPart):
    """A note on the order."""

    id: str
    text: str
    visibility: Literal["internal", "customer"]
    created_at: Instant
    edited_at: Instant | None = None

    def to_part(self) -> Note:
        return Note(**self.__dict__)


def _parts(bodies: Iterable[Any]) -> tuple[Any, ...]:
    return tuple([body.to_part() for body in bodies])


_PARTS = ("shipments", "payments", "refunds", "returns", "notes")
_STATUSES = ("payment_status", "shipping_status", "return_status", "on_hold")
_COMPUTED = ("documents", "personal_data", "version", *_STATUSES, *Balance._fields)
"""What an export contains and an import ignores: versions count the commits of this store, documents belong to
versions, and the rest follows from the order.
"""

_NOT_OF_ORDER = {*_COMPUTED, *PARTS}


class ImportedOrder(PlaceOrderBody):
    """Order to import, with its dates and its status, as `export` writes it."""

    id: Annotated[str, Field(min_length=1, max_length=limits.MAX_ID_LENGTH, pattern=ONE_LINE)] | None = None
    currency: AnyCurrency
    status: Status
    created_at: Instant
    updated_at: Instant | None = None
    cancellation: ImportedCancellation | None = None
    lines: Annotated[tuple[ImportedLine, ...], Strict(False), Field(max_length=limits.MAX_LINES)] | None = ()
    hold: ImportedHold | None = None
    shipments: (
        Annotated[tuple[ImportedShipment, ...], Strict(False), Field(max_length=limits.MAX_SHIPMENTS)] | None
    ) = ()
    payments: Annotated[tuple[ImportedPayment, ...], Strict(False), Field(max_length=limits.MAX_PAYMENTS)] | None = ()
    refunds: Annotated[tuple[ImportedRefund, ...], Strict(False), Field(max_length=limits.MAX_REFUNDS)] | None = ()
    returns: Annotated[tuple[ImportedReturn, ...], Strict(False), Field(max_length=limits.MAX_RETURNS)] | None = ()
    notes: Annotated[tuple[ImportedNote, ...], Strict(False), Field(max_length=limits.MAX_NOTES)] | None = ()
    documents: Annotated[tuple[dict[str, Any], ...], Strict(False)] | None = None
    personal_data: str | None = None
    version: Annotated[int, Field(ge=0)] | None = None
    payment_status: str | None = None
    shipping_status: str | None = None
    return_status: str | None = None
    on_hold: bool | None = None
    current_total: int | None = None
    authorized: int | None = None
    captured: int | None = None
    refunded: int | None = None
    refund_pending: int | None = None
    refund_due: int | None = None
    void_due: int | None = None

    def to_order(self) -> OrderDTO:
        """Return the order without its personal data, with the id `""` if none is given."""
        values = {"id": "", **self.given(), "lines": tuple([LineDTO(**line.given()) for line in self.lines or ()])}
        values = {name: value for name, value in values.items() if name not in _NOT_OF_ORDER}
        for name in _PARTS:
            values[name] = _parts(getattr(self, name) or ())
        if self.hold is not None:
            values["hold"] = self.hold.to_part()
        values["updated_at"] = self.updated_at or self.created_at
        if self.cancellation is not None:
            values["cancellation"] = Cancellation(**self.cancellation.__dict__)
        return OrderDTO(**values)
