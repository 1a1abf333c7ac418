"""What goes in and what comes out: plain values, money in minor units, one currency an order.

`OrderDTO` is the order as every door answers it and every store keeps it. A new optional field of the order is
added to `PlaceOrder` and `OrderDTO` by its name; the mapping below takes it along.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orderkeep.domain.entities import Order
from orderkeep.domain.events import Event
from orderkeep.domain.exceptions import InvalidInput, InvalidOrder, UnknownCurrency
from orderkeep.domain.value_objects import Cancellation, Document, Money, OrderLine


@dataclass(frozen=True, slots=True)
class LineDTO:
    """One article of an order; `discount` and `tax` are of the whole line."""

    sku: str
    name: str
    quantity: int
    unit_price: int
    discount: int = 0
    tax: int = 0


@dataclass(frozen=True, slots=True)
class CancellationDTO:
    """Why and when an order was called off."""

    reason: str | None
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """An order to place. Lines are optional; where there are some, they must add up to the total."""

    user_id: str
    total: int
    currency: str
    lines: tuple[LineDTO, ...] = ()
    shipping: int = 0
    discount: int = 0
    tax: int = 0
    external_ref: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)

    def to_order(self, order_id: str, at: datetime) -> Order:
        """Return the pending order; raise the `InvalidOrder` of the first rule it breaks."""
        return Order.place(order_id, at=at, **_order_fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDTO:
    """An order as it is answered and kept."""

    id: str
    user_id: str
    total: int
    currency: str
    status: str
    created_at: datetime
    updated_at: datetime
    lines: tuple[LineDTO, ...] = ()
    shipping: int = 0
    discount: int = 0
    tax: int = 0
    external_ref: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    cancellation: CancellationDTO | None = None
    documents: tuple[Document, ...] = ()
    version: int = 1

    @classmethod
    def of(cls, order: Order, version: int | None = None) -> OrderDTO:
        """Return the order as plain values, at `version` if that is about to change."""
        values = {name: _plain(getattr(order, name)) for name in _FIELDS[cls]}
        values["lines"] = tuple(_plain_line(line) for line in order.lines)
        if version is not None:
            values["version"] = version
        return cls(**values)

    def to_order(self) -> Order:
        """Return the order that was kept, checking nothing."""
        return Order(**_order_fields(self))

    def to_imported_order(self) -> Order:
        """Return the order as a new one here, checked, at version 0."""
        values = _order_fields(self)
        del values["version"]
        return Order.imported(at=values.pop("created_at"), **values)


@dataclass(frozen=True, slots=True)
class EventDTO:
    """An event by its name, such as `OrderCancelled`, and what it says."""

    type: str
    data: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, event: Event) -> EventDTO:
        """Return the event as plain values."""
        return cls(type(event).__name__, {name: getattr(event, name) for name in event.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDTO:
    """What one commit did to one order, and the order as it became.

    `key` is the digest of the idempotency key it came with. `hash` is the SHA-256 over this change and
    `previous_hash`, the hash of the order's change before ("" for the first); `intact` says whether it still fits.
    """

    order_id: str
    version: int
    at: datetime
    actor: str
    key: str | None
    request_id: str | None
    events: tuple[EventDTO, ...]
    order: OrderDTO
    previous_hash: str
    hash: str
    intact: bool = True


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The order as a command left it (or would leave it, `dry_run`), and what happened.

    `replayed`: the key had been used for the same request before; this is the answer it got then.
    """

    order: OrderDTO
    events: tuple[EventDTO, ...]
    replayed: bool = False
    dry_run: bool = False


_FIELDS = {dto: tuple(f.name for f in dataclasses.fields(dto)) for dto in (PlaceOrder, OrderDTO)}
_AMOUNTS = ("total", "shipping", "discount", "tax")
_LINE_AMOUNTS = ("unit_price", "discount", "tax")


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return value.minor
    if isinstance(value, Cancellation):
        return CancellationDTO(value.reason, value.note, value.at)
    return value


def _plain_line(line: OrderLine) -> LineDTO:
    return LineDTO(line.sku, line.name, line.quantity, line.unit_price.minor, line.discount.minor, line.tax.minor)


def _order_fields(dto: PlaceOrder | OrderDTO) -> dict[str, Any]:
    values = {name: getattr(dto, name) for name in _FIELDS[type(dto)]}
    for name in _AMOUNTS:
        values[name] = _money(values[name], dto.currency, name)
    values["lines"] = tuple(_line(line, f"lines/{index}", dto.currency) for index, line in enumerate(dto.lines))
    if cancellation := values.get("cancellation"):
        values["cancellation"] = Cancellation(cancellation.reason, cancellation.note, cancellation.at)
    return values


def _line(line: LineDTO, path: str, currency: str) -> OrderLine:
    amounts = (_money(getattr(line, name), currency, f"{path}/{name}") for name in _LINE_AMOUNTS)
    return OrderLine(line.sku, line.name, line.quantity, *amounts)


def _money(minor: int, currency: str, path: str) -> Money:
    try:
        return Money(minor, currency)
    except UnknownCurrency:
        raise
    except InvalidInput as error:
        error.field = path
        raise
