"""The state of an order: its fields, what follows from them, and the commands of its lifecycle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypedDict

from orderkeep.domain.attribution import Attribution, RememberedKey, remember
from orderkeep.domain.exceptions import InvalidTime, UnknownStatus
from orderkeep.domain.lifecycle import (
    LIFECYCLE,
    REJECTIONS,
    CannotReleaseOrder,
    Command,
    Event,
    LinesCancelled,
    NothingToCancel,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderHeld,
    OrderOnHold,
    OrderReleased,
    OrderShipped,
    OrderStatus,
    TooManyRecords,
    allowed_commands,
)
from orderkeep.domain.lines import LineQuantity, OrderLine, cancel_units, cancelled_value, quantities, with_ids
from orderkeep.domain.payments import (
    Balance,
    ObligationsChanged,
    Payment,
    PaymentStatus,
    Refund,
    balance_of,
    payment_status,
)
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.returns import Return, ReturnStatus, return_status
from orderkeep.domain.shipments import SHIPPING_OF, Shipment, ShippingStatus, status_after
from orderkeep.domain.value_objects import DEFAULT_CURRENCY, Cancellation, Document, Hold, Money, Note, in_utc

MAX_FACT_CLOCK_SKEW = timedelta(hours=1)
"""How far in the future a fact may be: the clock of the system that reports it may be wrong."""

_BY_SYSTEM = Attribution()
_OPEN = (OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.PARTIALLY_SHIPPED)
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
    hold: Hold | None
    shipments: tuple[Shipment, ...]
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    returns: tuple[Return, ...]
    notes: tuple[Note, ...]
    documents: tuple[Document, ...]
    personal_data: str | None
    updated_at: datetime


@dataclass
class OrderState:
    """The fields of an order, and the commands of its lifecycle. `Order` adds those on its parts.

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
    hold: Hold | None = None
    shipments: tuple[Shipment, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    returns: tuple[Return, ...] = ()
    notes: tuple[Note, ...] = ()
    documents: tuple[Document, ...] = ()
    personal_data: str | None = None
    """The commitment to the personal data that is stored beside the order; None without any."""
    updated_at: datetime = _AT_CREATION
    version: int = 0
    idempotency_keys: dict[str, RememberedKey] = field(default_factory=dict, repr=False, compare=False)
    last_hash: str = field(default="", repr=False, compare=False)
    saved_tags: tuple[str, ...] = field(default=(), repr=False, compare=False)
    """The tags and labels that are stored at this version: a save writes the difference."""
    saved_ref: str | None = field(default=None, repr=False, compare=False)
    """The `external_ref` that is stored at this version."""
    saved_personal_data: str | None = field(default=None, repr=False, compare=False)
    """The `personal_data` that is stored at this version."""
    personal_record: PersonalRecord | None = field(default=None, repr=False, compare=False)
    """The personal data of the pending change, if it sets any."""
    events: list[Event] = field(default_factory=list, repr=False, compare=False)
    attribution: Attribution = field(default=_BY_SYSTEM, repr=False, compare=False)
    recorded_at: datetime | None = field(default=None, repr=False, compare=False)
    """Time of the pending change, if it is not `updated_at`: an import records what happened before."""
    obligations: tuple[int, int] = field(default=(0, 0), repr=False, compare=False)
    """`refund_due` and `void_due` after the last event."""

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
        if not all(line.id for line in self.lines):
            self.lines = with_ids(self.lines)
        self._complete()
        self.obligations = self._owed()

    @property
    def content_version(self) -> int:
        """The last version that changed more than the list of documents."""
        attached = {document.since_version for document in self.documents}
        version = self.version
        while version in attached:
            version -= 1
        return version

    @property
    def on_hold(self) -> bool:
        """Whether the order was put on hold, and not released since."""
        return self.hold is not None

    @property
    def balance(self) -> Balance:
        """The amounts of the order, in minor units."""
        cancelled = self.status == OrderStatus.CANCELLED
        total = 0 if cancelled else self.total.minor
        if total and sum([line.cancelled for line in self.lines]):
            total -= cancelled_value(self.lines, self._goods)
        if not self.payments:  # and so no refunds
            return Balance(total)
        return balance_of(total, self.payments, self.refunds, cancelled=cancelled)

    @property
    def payment_status(self) -> PaymentStatus:
        """The status of the payments."""
        return self.payment_status_at(self.balance)

    def payment_status_at(self, balance: Balance) -> PaymentStatus:
        """Return the status of the payments. The balance is given, because it takes a while to compute."""
        if not self.payments:  # most orders
            return PaymentStatus.UNPAID if balance.current_total else PaymentStatus.NONE_DUE
        return payment_status(balance.current_total, balance.authorized, balance.captured, balance.refunded)

    @property
    def shipping_status(self) -> ShippingStatus:
        """How much of the order was shipped and delivered."""
        return SHIPPING_OF[self.status]

    @property
    def return_status(self) -> ReturnStatus:
        """How much of the order was returned."""
        return return_status(self.lines, self.returns) if self.returns else ReturnStatus.NONE

    def can_be_cancelled(self) -> bool:
        """Return whether `cancel` would be accepted now."""
        return Command.CANCEL in allowed_commands(self.status)

    def confirm(self, *, at: datetime) -> None:
        """Start processing the order. Raises `CannotConfirmOrder` and `OrderOnHold`."""
        self._check_allowed(Command.CONFIRM)
        self._check_not_held(at)
        self.status = OrderStatus.PROCESSING
        self._record(at, OrderConfirmed())

    def cancel(self, reason: str | None = None, note: str | None = None, *, at: datetime) -> None:
        """Cancel the order. Raises `CannotCancelOrder`, and `InvalidInput` if a text breaks a rule."""
        cancellation = Cancellation(reason, note, self._not_before(at))
        cancellation.check()
        self._check_allowed(Command.CANCEL)
        self.lines = tuple([_all_cancelled(line) for line in self.lines])
        self.status = OrderStatus.CANCELLED
        self.cancellation = cancellation
        self._record(at, OrderCancelled(reason, note))

    def cancel_lines(
        self,
        lines: Iterable[LineQuantity] = (),
        reason: str | None = None,
        note: str | None = None,
        *,
        at: datetime,
    ) -> None:
        """Cancel units that are not shipped, by default all. The order is cancelled if none are left.

        Raises `NothingToCancel`, `QuantityNotAvailable`, and `InvalidInput`.
        """
        cancellation = Cancellation(reason, note, self._not_before(at))
        cancellation.check()
        units = quantities(self.lines, lines) or {line.id: line.unshipped for line in self.lines if line.unshipped}
        self._check_allowed(Command.CANCEL_LINES)
        if not units:
            raise NothingToCancel(self.status, has_lines=False)
        self.lines = cancel_units(self.lines, units, self.status)
        events = [*self._advance(), LinesCancelled(reason)]
        if self.status == OrderStatus.CANCELLED:
            self.cancellation = cancellation
            events.insert(0, OrderCancelled(reason, note))
        self._record(at, *events)

    def put_on_hold(self, reason: str, note: str | None = None, until: datetime | None = None, *, at: datetime) -> None:
        """Reject `confirm` and `ship` until the order is released, or until a time. Replaces an earlier hold.

        Raises `CannotHoldOrder`, and `InvalidInput`.
        """
        hold = Hold(reason, note, None if until is None else in_utc(until, "until"), self._not_before(at))
        hold.check()
        if hold.has_ended(hold.at):
            raise InvalidTime("must be in the future", "until")
        self._check_allowed(Command.HOLD)
        self.hold = hold
        self._record(at, OrderHeld(reason, note))

    def release(self, *, at: datetime) -> None:
        """End a hold. Raises `CannotReleaseOrder`."""
        if self.hold is None:
            raise CannotReleaseOrder(self.status)
        self.hold = None
        self._record(at, OrderReleased())

    def set_attribution(self, attribution: Attribution) -> None:
        """Set the actor and request of the pending change, and record its idempotency key."""
        self.attribution = attribution
        if attribution.key is not None:
            remember(self.idempotency_keys, attribution.key, self.version + 1, attribution.fingerprint or "")

    def mark_saved(self, last_hash: str, tags: tuple[str, ...] = ()) -> None:
        """Begin the next version. For stores only, which call it once a save is durable. `tags` are the tags and labels
        that it stored.
        """
        self.version += 1
        self.last_hash = last_hash
        self.saved_tags = tags
        self.saved_ref = self.external_ref
        self.saved_personal_data = self.personal_data
        self.personal_record = None
        self.events = []
        self.attribution = _BY_SYSTEM
        self.recorded_at = None

    @property
    def _goods(self) -> int:
        """The value of all lines, less the discount and plus the tax of the order, in minor units."""
        return max(0, self.total.minor - self.shipping.minor)

    def _complete(self) -> None:
        """Complete an order that was shipped or cancelled as a whole and has no shipment: it was imported, or stored
        by a version that recorded none.
        """
        if self.shipments or self.status in _OPEN:
            return
        if self.status == OrderStatus.CANCELLED:
            self.lines = tuple([replace(line, cancelled=line.quantity) for line in self.lines])
            return
        is_delivered = self.status == OrderStatus.DELIVERED
        shipped = tuple([LineQuantity(line.id, line.live) for line in self.lines if line.live])
        delivered_at = self.updated_at if is_delivered else None
        self.shipments = (Shipment("s1", shipped, None, None, None, self.updated_at, delivered_at),)
        self.lines = tuple(
            [replace(line, shipped=line.live, delivered=line.live if is_delivered else 0) for line in self.lines]
        )

    def _owed(self) -> tuple[int, int]:
        if not self.payments:  # most orders, most of the time
            return 0, 0
        balance = self.balance
        return balance.refund_due, balance.void_due

    def _check_allowed(self, command: Command) -> None:
        """Raise the `CommandRejected` of the command if the status rejects it."""
        if (self.status, command) not in LIFECYCLE:
            raise REJECTIONS[command](self.status)

    def _check_not_held(self, at: datetime) -> None:
        if self.hold is not None and not self.hold.has_ended(in_utc(at)):
            raise OrderOnHold(self.status)

    def _check_count(self, kind: str, count: int, limit: int) -> None:
        if count >= limit:
            raise TooManyRecords(self.status, kind, limit)

    def _occurred(self, moment: datetime | None, at: datetime) -> datetime:
        """Return when a fact occurred, by default now. Raises `InvalidTime` if it is in the future."""
        occurred = in_utc(at if moment is None else moment, "occurred_at")
        if occurred - in_utc(at) > MAX_FACT_CLOCK_SKEW:
            raise InvalidTime("must be at most one hour in the future", "occurred_at")
        return occurred

    def _not_before(self, at: datetime) -> datetime:
        return max(in_utc(at), self.updated_at)

    def _advance(self) -> list[Event]:
        """Set the status that follows from the units of the lines, and return the events of a new status."""
        before, self.status = self.status, status_after(OrderStatus(self.status), self.lines, self.shipments)
        events: list[Event] = []
        if before in _OPEN and self.status in (OrderStatus.SHIPPED, OrderStatus.DELIVERED):
            events.append(OrderShipped())
        if self.status == OrderStatus.DELIVERED:
            events.append(OrderDelivered())
        return events

    def _record(self, at: datetime, *events: Event) -> None:
        """End a change: set its time, and add its events and those that follow from it."""
        self.updated_at = self._not_before(at)
        self.events.extend(events)
        if self.hold is not None and (self.status not in _OPEN or self.hold.has_ended(self.updated_at)):
            self.hold = None
            self.events.append(OrderReleased())
        owed = self._owed()
        if owed != self.obligations:
            self.obligations = owed
            self.events.append(ObligationsChanged())


def _all_cancelled(line: OrderLine) -> OrderLine:
    """Return a line of which nothing was shipped. Without `replace`, which takes ten times as long."""
    amounts = (line.unit_price, line.discount, line.tax)
    return OrderLine(line.sku, line.name, line.quantity, *amounts, line.id, cancelled=line.quantity)


def _money(amount: Money | float | Decimal | str, currency: str) -> Money:
    if amount is _NO_AMOUNT:
        return Money.zero(currency)
    return amount if isinstance(amount, Money) else Money.of(amount, currency)
