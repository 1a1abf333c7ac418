"""The `Order` aggregate: its lifecycle, its events, its state and its commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict, Unpack

from orderkeep.domain import limits
from orderkeep.domain.exceptions import (
    CannotCancelOrder,
    CannotConfirmOrder,
    CannotDeliverOrder,
    CannotShipOrder,
    CommandRejected,
    InvalidInput,
    InvalidTime,
    OrderTooLarge,
    TooManyDocuments,
    TooManyLines,
    TotalMismatch,
    UnexpectedCancellation,
    UnknownCurrency,
    UnknownStatus,
)
from orderkeep.domain.value_objects import (
    CURRENCIES,
    DEFAULT_CURRENCY,
    Cancellation,
    Document,
    Money,
    OrderLine,
    check_id,
    check_metadata,
    check_tags,
    check_text,
    in_utc,
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

REJECTIONS: dict[Command, type[CommandRejected]] = {
    Command.CONFIRM: CannotConfirmOrder,
    Command.SHIP: CannotShipOrder,
    Command.DELIVER: CannotDeliverOrder,
    Command.CANCEL: CannotCancelOrder,
}


def next_status(status: str, command: Command) -> OrderStatus:
    """Return the status that `command` leads to, or raise the `CommandRejected` of that command."""
    follower = LIFECYCLE.get((OrderStatus(status), command))
    if follower is None:
        raise REJECTIONS[command](status)
    return follower


def allowed_commands(status: str) -> tuple[Command, ...]:
    """Return the commands that an order in this status accepts, in lifecycle order."""
    return tuple(command for (origin, command) in LIFECYCLE if origin == status)


def commands_between(status: str, target: str) -> tuple[Command, ...]:
    """Return the fewest commands that lead from one status to another; empty if they are equal or none lead there."""
    paths: dict[OrderStatus, tuple[Command, ...]] = {OrderStatus(status): ()}
    waiting = [OrderStatus(status)]
    for origin in waiting:
        for command in allowed_commands(origin):
            follower = LIFECYCLE[origin, command]
            if follower not in paths:
                paths[follower] = (*paths[origin], command)
                waiting.append(follower)
    return paths.get(OrderStatus(target), ())


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order was placed."""


@dataclass(frozen=True, slots=True)
class OrderImported:
    """An order from another system was imported, with its dates and its status."""

    status: str


@dataclass(frozen=True, slots=True)
class OrderConfirmed:
    """The order was confirmed and is being processed."""


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """The order was shipped."""


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The order was delivered to the customer."""


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The order was cancelled."""

    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentAttached:
    """A document of the order was stored, such as a receipt; `document_id` is the SHA-256 of its content."""

    document_id: str
    kind: str
    media_type: str


Event = OrderPlaced | OrderImported | OrderConfirmed | OrderShipped | OrderDelivered | OrderCancelled | DocumentAttached
"""Any domain event."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """The source of a change: the actor, the idempotency key and the fingerprint of its request, and the request ID."""

    actor: str = "system"
    key: str | None = None
    fingerprint: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RememberedKey:
    """The effect of an idempotency key: the version it created, and the fingerprint of its request."""

    version: int
    fingerprint: str


def remember(keys: dict[str, RememberedKey], key: str, version: int, fingerprint: str) -> None:
    """Add a key to the remembered ones, and forget the oldest beyond the limit.

    The first key is the placement's. A repeated placement finds its order by the ID, derived from the key, so that key
    is always kept, and the second is deleted first.
    """
    keys[key] = RememberedKey(version, fingerprint)
    if len(keys) > limits.MAX_REMEMBERED_KEYS:
        del keys[list(keys)[1]]


_BY_SYSTEM = Attribution()
_STATUSES = {str(status): status for status in OrderStatus}

# Defaults that depend on other fields: replaced by zero in the order's currency, and by `created_at`. Recognized by
# identity, so no other code has these objects.
_NO_AMOUNT = Money(0, DEFAULT_CURRENCY)
_AT_CREATION = datetime.min.replace(tzinfo=UTC)


class OrderDetails(TypedDict, total=False):
    """The optional fields of a new order."""

    currency: str
    lines: tuple[OrderLine, ...]
    shipping: Money
    discount: Money
    tax: Money
    external_ref: str | None
    tags: tuple[str, ...]
    metadata: dict[str, str]
    cancellation: Cancellation | None
    documents: tuple[Document, ...]
    updated_at: datetime


@dataclass
class Order:
    """The aggregate root: changed by its methods only, and committed as a whole.

    An amount given as a plain number is in major units (`99.0` is 99.00 EUR), `Money` is in minor units; a naive
    datetime is UTC. The constructor checks no rules, because it is for stores and examples: create new orders with
    `Order.place` and `Order.imported`. `version` counts the commits, 0 before the first.
    """

    id: str
    user_id: str
    total: Money
    status: str
    created_at: datetime
    currency: str = ""
    lines: tuple[OrderLine, ...] = ()
    shipping: Money = _NO_AMOUNT
    discount: Money = _NO_AMOUNT
    tax: Money = _NO_AMOUNT
    external_ref: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    cancellation: Cancellation | None = None
    documents: tuple[Document, ...] = ()
    updated_at: datetime = _AT_CREATION
    version: int = 0
    idempotency_keys: dict[str, RememberedKey] = field(default_factory=dict, repr=False, compare=False)
    last_hash: str = field(default="", repr=False, compare=False)
    events: list[Event] = field(default_factory=list, repr=False, compare=False)
    attribution: Attribution = field(default=_BY_SYSTEM, repr=False, compare=False)
    recorded_at: datetime | None = field(default=None, repr=False, compare=False)
    """Time of the pending change, if it is not `updated_at`: an import records what happened before."""

    def __post_init__(self) -> None:
        if not self.currency:
            self.currency = self.total.currency if isinstance(self.total, Money) else DEFAULT_CURRENCY
        self.total = _money(self.total, self.currency)
        self.shipping = _money(self.shipping, self.currency)
        self.discount = _money(self.discount, self.currency)
        self.tax = _money(self.tax, self.currency)
        status = _STATUSES.get(self.status)
        if status is None:
            raise UnknownStatus(f"must be one of {', '.join(_STATUSES)}", "status")
        self.status = status
        self.created_at = in_utc(self.created_at, "created_at")
        is_new = self.updated_at is _AT_CREATION
        self.updated_at = self.created_at if is_new else in_utc(self.updated_at, "updated_at")

    @classmethod
    def place(cls, id: str, user_id: str, total: Money, *, at: datetime, **details: Unpack[OrderDetails]) -> Order:
        """Return a new pending order, or raise the `InvalidInput` of the first rule that it breaks."""
        order = cls(id, user_id, total, OrderStatus.PENDING, at, **details)
        order.check()
        if order.currency not in CURRENCIES:
            raise UnknownCurrency
        order.events.append(OrderPlaced())
        return order

    @classmethod
    def imported(
        cls, id: str, user_id: str, total: Money, status: str, at: datetime, **details: Unpack[OrderDetails]
    ) -> Order:
        """Return an order from another system, created `at` and now in `status`. Raises like `place`."""
        order = cls(id, user_id, total, status, at, **details)
        order.check()
        order.events.append(OrderImported(order.status))
        return order

    def check(self) -> None:
        """Raise the `InvalidInput` of the first rule that a new order breaks."""
        check_id(self.id)
        check_text(self.user_id, "user_id", limits.MAX_USER_ID_LENGTH)
        if self.external_ref is not None:
            check_text(self.external_ref, "external_ref", limits.MAX_EXTERNAL_REF_LENGTH)
        self.total.check("total", self.currency)
        self.shipping.check("shipping", self.currency)
        self.discount.check("discount", self.currency)
        self.tax.check("tax", self.currency)
        check_tags(self.tags)
        check_metadata(self.metadata)
        if self.updated_at < self.created_at:
            raise InvalidTime("must not be before created_at", "updated_at")
        if self.cancellation is not None:
            if self.status != OrderStatus.CANCELLED:
                raise UnexpectedCancellation("must be omitted unless the order is cancelled", "cancellation")
            self.cancellation.check()
        self._check_lines()

    def can_be_cancelled(self) -> bool:
        """Return whether `cancel` would be accepted now."""
        return Command.CANCEL in allowed_commands(self.status)

    def confirm(self, *, at: datetime) -> None:
        """Start processing the order. Raises `CannotConfirmOrder`."""
        self._move(Command.CONFIRM, OrderConfirmed(), at)

    def ship(self, *, at: datetime) -> None:
        """Record the shipment of the order. Raises `CannotShipOrder`."""
        self._move(Command.SHIP, OrderShipped(), at)

    def deliver(self, *, at: datetime) -> None:
        """Record the delivery of the order. Raises `CannotDeliverOrder`."""
        self._move(Command.DELIVER, OrderDelivered(), at)

    def cancel(self, reason: str | None = None, note: str | None = None, *, at: datetime) -> None:
        """Cancel the order. Raises `CannotCancelOrder`, and `InvalidInput` if a text breaks a rule."""
        cancellation = Cancellation(reason, note, max(in_utc(at), self.updated_at))
        cancellation.check()
        self._move(Command.CANCEL, OrderCancelled(reason, note), at)
        self.cancellation = cancellation

    @property
    def content_version(self) -> int:
        """The last version that changed more than the list of documents."""
        attached = {document.since_version for document in self.documents}
        version = self.version
        while version in attached:
            version -= 1
        return version

    def attach(self, document: Document, *, at: datetime) -> None:
        """Add a document that is stored already. Raises `TooManyDocuments`."""
        if len(self.documents) >= limits.MAX_DOCUMENTS:
            raise TooManyDocuments(self.status, limits.MAX_DOCUMENTS)
        self.documents += (document,)
        self.updated_at = max(in_utc(at), self.updated_at)
        self.events.append(DocumentAttached(document.id, document.kind, document.media_type))

    def set_attribution(self, attribution: Attribution) -> None:
        """Set the actor and request of the pending change, and record its idempotency key."""
        self.attribution = attribution
        if attribution.key is not None:
            remember(self.idempotency_keys, attribution.key, self.version + 1, attribution.fingerprint or "")

    def mark_saved(self, last_hash: str) -> None:
        """Begin the next version. For stores only, which call it once a save is durable."""
        self.version += 1
        self.last_hash = last_hash
        self.events = []
        self.attribution = _BY_SYSTEM
        self.recorded_at = None

    def _check_lines(self) -> None:
        if len(self.lines) > limits.MAX_LINES:
            raise TooManyLines(f"must have at most {limits.MAX_LINES} items", "lines")
        for index, line in enumerate(self.lines):
            try:
                line.check(self.currency)
            except InvalidInput as error:
                error.field = f"lines/{index}/{error.field}"
                raise
        self._check_size()
        expected = self.shipping.minor + self.tax.minor - self.discount.minor
        expected += sum([line.total_minor for line in self.lines])
        if expected != self.total.minor and (self.lines or expected > self.total.minor):
            raise TotalMismatch(expected, self.total.minor, self.currency, has_lines=bool(self.lines))

    def _check_size(self) -> None:
        texts = [self.user_id, self.external_ref or "", *self.tags, *self.metadata, *self.metadata.values()]
        for line in self.lines:
            texts += (line.sku, line.name)
        if len("".join(texts).encode()) > limits.MAX_TEXT_BYTES:
            raise OrderTooLarge(limits.MAX_TEXT_BYTES)

    def _move(self, command: Command, event: Event, at: datetime) -> None:
        self.status = next_status(self.status, command)
        self.updated_at = max(in_utc(at), self.updated_at)
        self.events.append(event)


def _money(amount: Money | float | Decimal | str, currency: str) -> Money:
    if amount is _NO_AMOUNT:
        return Money.zero(currency)
    return amount if isinstance(amount, Money) else Money.of(amount, currency)
