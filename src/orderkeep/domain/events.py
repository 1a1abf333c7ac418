"""Domain events, and the attribution of a change to an actor and a request."""

from dataclasses import dataclass


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
