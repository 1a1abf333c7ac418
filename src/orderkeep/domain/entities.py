"""The order: its fields, and all that may be done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orderkeep.domain.events import (
    Attribution,
    DocumentAttached,
    Event,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderImported,
    OrderPlaced,
    OrderShipped,
    RememberedKey,
)
from orderkeep.domain.exceptions import InvalidOrder, TooManyDocuments, UnknownStatus
from orderkeep.domain.limits import MAX_DOCUMENTS, MAX_REMEMBERED_KEYS
from orderkeep.domain.status import Command, OrderStatus, allowed_commands, next_status
from orderkeep.domain.validation import check_cancellation, check_order
from orderkeep.domain.value_objects import DEFAULT_CURRENCY, Money

_STATUSES = tuple(OrderStatus)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One article of an order. `discount` and `tax` are of the whole line, not of one piece."""

    sku: str
    name: str
    quantity: int
    unit_price: Money
    discount: Money
    tax: Money

    @property
    def total(self) -> Money:
        """Quantity times unit price, less discount, plus tax."""
        return self.unit_price * self.quantity - self.discount + self.tax


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Why and when an order was called off."""

    reason: str | None
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """A file that belongs to an order, such as a receipt, kept before the order refers to it.

    `id` is the SHA-256 of its content, in hexadecimal, and `size` its length in bytes. It shows the order as it was
    at `order_version`, and the order lists it from `since_version` on.
    """

    id: str
    kind: str
    media_type: str
    size: int
    order_version: int
    since_version: int
    created_at: datetime


@dataclass
class Order:
    """The aggregate root: one order is one unit of consistency, changed by its methods and saved in one commit.

    A plain number for an amount is in major units (`99.0` is 99.00 EUR), `Money` is in minor ones; a naive
    datetime is taken as UTC. The constructor checks no rule: it is for stores and examples, and new orders
    come from `Order.place` and `Order.imported`. `version` counts the commits: 0 until the first.
    """

    id: str
    user_id: str
    total: Money
    status: str
    created_at: datetime
    currency: str = ""
    lines: tuple[OrderLine, ...] = ()
    shipping: Money = None  # type: ignore[assignment]  # nothing, in the order's currency
    discount: Money = None  # type: ignore[assignment]
    tax: Money = None  # type: ignore[assignment]
    external_ref: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    cancellation: Cancellation | None = None
    documents: tuple[Document, ...] = ()
    updated_at: datetime = None  # type: ignore[assignment]  # created_at
    version: int = 0
    requests: dict[str, RememberedKey] = field(default_factory=dict, repr=False, compare=False)
    seal: str = field(default="", repr=False, compare=False)
    events: list[Event] = field(default_factory=list, repr=False, compare=False)
    attribution: Attribution = field(default_factory=Attribution, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.currency:
            self.currency = self.total.currency if isinstance(self.total, Money) else DEFAULT_CURRENCY
        for name in ("total", "shipping", "discount", "tax"):
            setattr(self, name, _money(getattr(self, name), self.currency))
        if self.status not in _STATUSES:
            raise UnknownStatus(f"must be one of {', '.join(_STATUSES)}", "status")
        self.status = OrderStatus(self.status)
        self.created_at = in_utc(self.created_at)
        self.updated_at = in_utc(self.updated_at or self.created_at)

    @classmethod
    def place(cls, id: str, user_id: str, total: Money, *, at: datetime, **details: Any) -> Order:
        """Return a new pending order; `details` are the further fields, from `currency` to `metadata`.

        Raises the `InvalidOrder` of the first rule it breaks.
        """
        order = cls(id, user_id, total, OrderStatus.PENDING, at, **details)
        check_order(order)
        order.events.append(OrderPlaced())
        return order

    @classmethod
    def imported(cls, id: str, user_id: str, total: Money, status: str, at: datetime, **details: Any) -> Order:
        """Return an order that was kept elsewhere: created `at`, and now in `status`. Raises like `place`."""
        order = cls(id, user_id, total, status, at, **details)
        check_order(order)
        order.events.append(OrderImported(order.status))
        return order

    def can_be_cancelled(self) -> bool:
        """Tell whether `cancel` would be accepted now."""
        return Command.CANCEL in allowed_commands(self.status)

    def confirm(self, *, at: datetime) -> None:
        """Take the order into processing. Raises `CannotConfirmOrder`."""
        self._move(Command.CONFIRM, OrderConfirmed(), at)

    def ship(self, *, at: datetime) -> None:
        """Record that the order left. Raises `CannotShipOrder`."""
        self._move(Command.SHIP, OrderShipped(), at)

    def deliver(self, *, at: datetime) -> None:
        """Record that the order arrived. Raises `CannotDeliverOrder`."""
        self._move(Command.DELIVER, OrderDelivered(), at)

    def cancel(self, reason: str | None = None, note: str | None = None, *, at: datetime) -> None:
        """Call the order off. Raises `CannotCancelOrder`, or `InvalidOrder` where a text is out of bounds."""
        check_cancellation(reason, note)
        self._move(Command.CANCEL, OrderCancelled(reason, note), at)
        self.cancellation = Cancellation(reason, note, self.updated_at)

    @property
    def content_version(self) -> int:
        """The version that last changed the order itself; later ones, if any, only attached documents to it."""
        attached = {document.since_version for document in self.documents}
        version = self.version
        while version in attached:
            version -= 1
        return version

    def attach(self, document: Document, *, at: datetime) -> None:
        """Refer to a file that is kept already. Raises `TooManyDocuments`."""
        if len(self.documents) >= MAX_DOCUMENTS:
            raise TooManyDocuments(self.status, MAX_DOCUMENTS)
        self.documents += (document,)
        self.updated_at = max(in_utc(at), self.updated_at)
        self.events.append(DocumentAttached(document.id, document.kind, document.media_type))

    def attribute(self, attribution: Attribution) -> None:
        """Say who asked for the change that is about to be saved, and remember the key it came with, if any."""
        self.attribution = attribution
        if attribution.key is not None:
            self.requests[attribution.key] = RememberedKey(self.version + 1, attribution.fingerprint or "")
            if len(self.requests) > MAX_REMEMBERED_KEYS:
                del self.requests[list(self.requests)[1]]

    def mark_saved(self, seal: str) -> None:
        """Called by the store, and by nobody else, once a save is durable: the next version starts here."""
        self.version += 1
        self.seal = seal
        self.events = []
        self.attribution = Attribution()

    def _move(self, command: Command, event: Event, at: datetime) -> None:
        self.status = next_status(self.status, command)
        self.updated_at = max(in_utc(at), self.updated_at)
        self.events.append(event)


def in_utc(moment: datetime) -> datetime:
    """Return the same instant in UTC; a naive datetime is taken as UTC already. Raises `InvalidOrder`."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise InvalidOrder("must be a time of the years 1 to 9999 in UTC") from None


def _money(amount: Money | float | Decimal | str | None, currency: str) -> Money:
    if isinstance(amount, Money):
        return amount
    return Money.zero(currency) if amount is None else Money.of(amount, currency)
