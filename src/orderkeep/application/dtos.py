"""Data transfer objects: plain values, amounts in minor units, one currency per order.

`OrderDTO` is the order as every entrypoint returns it and every store stores it. To add an optional field to the order,
add it to `PlaceOrder` and `OrderDTO`; the mapping below goes by name.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol, dataclass_transform

from orderkeep.application.access.actor import Actor
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import AmountOutOfRange, InvalidAmount
from orderkeep.domain.lifecycle import Event
from orderkeep.domain.limits import MAX_MINOR_UNITS, MAX_TRACKED_SHIPMENTS
from orderkeep.domain.lines import OrderLine
from orderkeep.domain.payments import Balance, Payment, PaymentStatus, Refund
from orderkeep.domain.personal_data import PersonalData, email_key
from orderkeep.domain.returns import Return, ReturnStatus
from orderkeep.domain.shipments import Shipment, ShippingStatus, comparable
from orderkeep.domain.value_objects import INTERNAL, Cancellation, Document, Hold, Money, Note


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def dto(*, kw_only: bool = False) -> Any:
    """Make a dataclass that only type checkers treat as frozen: `frozen` would quadruple the time to create one."""
    return dataclass(slots=True, kw_only=kw_only)


@dto()
class LineDTO:
    """One item of an order; `discount` and `tax` are of the whole line. `cancelled` and so on are 0 in a new order."""

    sku: str
    name: str
    quantity: int
    unit_price: int
    discount: int = 0
    tax: int = 0
    id: str = ""
    cancelled: int = 0
    shipped: int = 0
    delivered: int = 0
    returned: int = 0


@dto(kw_only=True)
class PlaceOrder:
    """A new order. Lines are optional; if given, they must add up to the total."""

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
    personal: PersonalData | None = None

    def to_order(self, order_id: str, at: datetime, salt: bytes = b"") -> Order:
        """Return the pending order, or raise the `InvalidInput` of the first rule that it breaks. `salt` is random."""
        order = Order.place(order_id, at=at, **_order_fields(self))
        if self.personal is not None:
            order.add_personal_data(self.personal, salt)
        return order


@dto(kw_only=True)
class OrderDTO:
    """An order as it is returned and stored. Derived values are stored, too, so that lists can filter by them and
    return them: `payment_status` and so on, and the amounts of `Balance`. `personal_data` is the
    commitment to the personal data, which is stored beside the order; None without any.
    """

    id: str
    user_id: str
    total: int
    currency: str
    status: str
    payment_status: str = PaymentStatus.UNPAID
    shipping_status: str = ShippingStatus.UNSHIPPED
    return_status: str = ReturnStatus.NONE
    on_hold: bool = False
    current_total: int = 0
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    refund_pending: int = 0
    refund_due: int = 0
    void_due: int = 0
    created_at: datetime
    updated_at: datetime
    lines: tuple[LineDTO, ...] = ()
    shipping: int = 0
    discount: int = 0
    tax: int = 0
    external_ref: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    cancellation: Cancellation | None = None
    hold: Hold | None = None
    shipments: tuple[Shipment, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    returns: tuple[Return, ...] = ()
    notes: tuple[Note, ...] = ()
    documents: tuple[Document, ...] = ()
    personal_data: str | None = None
    version: int = 1

    @classmethod
    def of(cls, order: Order, version: int | None = None) -> OrderDTO:
        """Return the order as plain values; `version` replaces the order's own."""
        values = dict(zip(_FIELDS[cls], _VALUES[cls](order), strict=True))
        for name in _AMOUNTS:
            values[name] = values[name].minor
        values["lines"] = tuple([_line_of(line) for line in order.lines])
        balance = order.balance
        values["payment_status"] = order.payment_status_at(balance)
        values.update(zip(_BALANCE, balance, strict=True))
        if version is not None:
            values["version"] = version
        return cls(**values)

    def to_order(self) -> Order:
        """Return the stored order without checking its rules."""
        return Order(**_order_fields(self))

    def to_imported_order(
        self, now: datetime | None = None, personal: PersonalData | None = None, salt: bytes = b""
    ) -> Order:
        """Return the order as a new one, checked, at version 0, with that `personal` data. `now` is the time of the
        import; `salt` is random.
        """
        values = _order_fields(self)
        del values["version"], values["personal_data"]
        order = Order.imported(at=values.pop("created_at"), **values)
        if personal is not None:
            order.add_personal_data(personal, salt)
        order.recorded_at = max(now, order.updated_at) if now else None
        return order


@dto()
class EventDTO:
    """An event: its type, such as `OrderCancelled`, and its fields."""

    type: str
    data: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, event: Event) -> EventDTO:
        """Return the event as plain values."""
        return cls(type(event).__name__, {name: getattr(event, name) for name in event.__slots__})


@dto(kw_only=True)
class ChangeDTO:
    """A history entry: what one commit did to one order, and the resulting order, whose document has `order_bytes`.
    `key` is the digest of the idempotency key. `hash` is the SHA-256 of this entry and `previous_hash`, the hash of the
    order's previous entry ("" for the first): a hash chain. `intact`: the entry still matches its hash.
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
    order_bytes: int = field(default=0, compare=False)


@dto()
class CommandResult:
    """The order as a command left it (or would leave it, `dry_run`), and the events of the change.

    `json` is the committed document, to be sent as it is; None if nothing was committed or the repository returned no
    snapshot. `replayed`: the key was used before for the same request; this is the original result. `unchanged`: the
    order already is as the command would leave it, so nothing was written, and its key was not stored. `personal` is
    the personal data of the order, which `json` contains and `order` does not.
    """

    order_id: str
    version: int
    events: tuple[EventDTO, ...]
    source: Order | OrderDTO
    json: bytes | None = None
    replayed: bool = False
    dry_run: bool = False
    personal: PersonalData | None = None
    unchanged: bool = False

    @property
    def order(self) -> OrderDTO:
        """The order as plain values."""
        return self.source if isinstance(self.source, OrderDTO) else OrderDTO.of(self.source, self.version)


_MARK_OF_INTERNAL_NOTES = b'"visibility":"internal"'
"""In the document of each order with an internal note. In a text, the quotes would be escaped."""


def visible_document(document: bytes, actor: Actor) -> bytes:
    """Return the JSON of an order as the actor may see it: to a customer, without internal notes."""
    if actor.sees_all or _MARK_OF_INTERNAL_NOTES not in document:
        return document
    order = json.loads(document)
    order["notes"] = [note for note in order["notes"] if note["visibility"] != INTERNAL]
    return json.dumps(order, ensure_ascii=False, separators=(",", ":")).encode()


def visible_order(order: OrderDTO, actor: Actor) -> OrderDTO:
    """Return the order as the actor may see it."""
    if actor.sees_all or not _has_internal(order.notes):
        return order
    return replace(order, notes=tuple([note for note in order.notes if note.visibility != INTERNAL]))


def visible_change(change: ChangeDTO, actor: Actor) -> ChangeDTO:
    """Return the change as the actor may see it: to a customer, also without events of internal notes."""
    order = visible_order(change.order, actor)
    if order is change.order:
        return change
    hidden = {note.id for note in change.order.notes} - {note.id for note in order.notes}
    return replace(
        change, order=order, events=tuple([each for each in change.events if each.data.get("note_id") not in hidden])
    )


def visible_result(result: CommandResult, actor: Actor) -> CommandResult:
    """Return the result of a command as the actor may see it."""
    if actor.sees_all or not _has_internal(result.source.notes):
        return result
    return replace(result, source=visible_order(result.order, actor), json=None)


def _has_internal(notes: Iterable[Note]) -> bool:
    return any(note.visibility == INTERNAL for note in notes)


def _line_of(line: OrderLine) -> LineDTO:
    return LineDTO(
        line.sku,
        line.name,
        line.quantity,
        line.unit_price.minor,
        line.discount.minor,
        line.tax.minor,
        line.id,
        line.cancelled,
        line.shipped,
        line.delivered,
        line.returned,
    )


_BALANCE = Balance._fields
_FROM_BALANCE = {*_BALANCE, "payment_status"}
_DERIVED = {*_FROM_BALANCE, "shipping_status", "return_status", "on_hold"}
"""Fields that are computed from the others."""

_FIELDS = {
    PlaceOrder: tuple(f.name for f in dataclasses.fields(PlaceOrder) if f.name != "personal"),
    OrderDTO: tuple(f.name for f in dataclasses.fields(OrderDTO) if f.name not in _FROM_BALANCE),
}
_VALUES = {dto: attrgetter(*names) for dto, names in _FIELDS.items()}
_GIVEN = {dto: tuple(name for name in names if name not in _DERIVED) for dto, names in _FIELDS.items()}
_GIVEN_VALUES = {dto: attrgetter(*names) for dto, names in _GIVEN.items()}
_AMOUNTS = ("total", "shipping", "discount", "tax")


def _order_fields(dto: PlaceOrder | OrderDTO) -> dict[str, Any]:
    values, currency = dict(zip(_GIVEN[type(dto)], _GIVEN_VALUES[type(dto)](dto), strict=True)), dto.currency
    zero = Money.zero(currency)

    def money(minor: int) -> Money:
        return Money(minor, currency) if minor or type(minor) is not int else zero

    try:
        for name in _AMOUNTS:
            values[name] = money(values[name])
        values["lines"] = tuple(
            [
                OrderLine(
                    line.sku,
                    line.name,
                    line.quantity,
                    money(line.unit_price),
                    money(line.discount),
                    money(line.tax),
                    line.id or f"l{number}",
                    line.cancelled,
                    line.shipped,
                    line.delivered,
                    line.returned,
                )
                for number, line in enumerate(dto.lines, start=1)
            ]
        )
    except (AmountOutOfRange, InvalidAmount) as error:
        error.field = _field_of_invalid_amount(dto)
        raise
    return values


def _field_of_invalid_amount(dto: PlaceOrder | OrderDTO) -> str:
    amounts = [(name, getattr(dto, name)) for name in _AMOUNTS]
    for index, line in enumerate(dto.lines):
        amounts += [(f"lines/{index}/{name}", getattr(line, name)) for name in ("unit_price", "discount", "tax")]
    return next(path for path, minor in amounts if type(minor) is not int or abs(minor) >= MAX_MINOR_UNITS)


LABEL = "\x1f"
"""The prefix of labels: tags that the service sets, to filter by derived values. Others have no control characters."""

UNLABELLED_PAYMENTS = (PaymentStatus.UNPAID, PaymentStatus.NONE_DUE)
"""The payment statuses of orders without payments. They get no label, to save a row per order; neither do orders
without returns.
"""


_NO_RETURN = ReturnStatus.NONE


class Tracked(Protocol):
    """A shipment, as far as labels follow from it."""

    @property
    def tracking_number(self) -> str | None: ...


class Labelled(Protocol):
    """The values of an order that labels follow from."""

    @property
    def payment_status(self) -> str: ...
    @property
    def return_status(self) -> str: ...
    @property
    def on_hold(self) -> bool: ...
    @property
    def refund_due(self) -> int: ...
    @property
    def void_due(self) -> int: ...
    @property
    def shipments(self) -> Sequence[Tracked]: ...


def labels_of(order: Labelled) -> tuple[str, ...]:
    """Return the labels of an order. Staff must act if it is on hold, if a refund or a void is due, or if a return is
    requested: then one of them is `needs_attention`. The others are statuses and tracking numbers.
    """
    if (
        order.payment_status in UNLABELLED_PAYMENTS
        and order.return_status == _NO_RETURN
        and not (order.shipments or order.on_hold or order.refund_due or order.void_due)
    ):  # most orders
        return ()
    paid, returned = order.payment_status, order.return_status
    labels = [name for name in ("on_hold", "refund_due", "void_due") if getattr(order, name)]
    if labels or returned == ReturnStatus.REQUESTED:
        labels.append("needs_attention")
    if paid not in UNLABELLED_PAYMENTS:
        labels.append(label_of("payment_status", paid))
    if returned != _NO_RETURN:
        labels.append(label_of("return_status", returned))
    return (*[LABEL + label for label in labels], *tracking_labels(order))


def tracking_labels(order: Labelled) -> tuple[str, ...]:
    """Return the labels of the tracking numbers of the newest shipments of an order."""
    numbers = [each.tracking_number for each in order.shipments[-MAX_TRACKED_SHIPMENTS:] if each.tracking_number]
    found = dict.fromkeys([comparable(number) for number in numbers])
    return tuple([LABEL + label_of("tracking", each) for each in found if each])


def email_label(email: str) -> str:
    """Return the label of orders with this e-mail address, in upper or lower case. It follows from the personal data,
    not from the order.
    """
    return LABEL + label_of("email", email_key(email))


def label_of(name: str, value: str) -> str:
    """Return the label of a status, or of another value that orders are found by, without the prefix."""
    return f"{name}:{value}"
