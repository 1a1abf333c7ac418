"""What happened to an order, in the past tense; and who asked for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """A customer's order was taken."""


@dataclass(frozen=True, slots=True)
class OrderImported:
    """An order that was kept elsewhere before was taken over, with its dates and its status."""

    status: str


@dataclass(frozen=True, slots=True)
class OrderConfirmed:
    """The shop accepted the order and works on it."""


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """The order left the house."""


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The order reached the customer."""


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The order was called off."""

    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentAttached:
    """A file that belongs to the order was kept, such as a receipt; `document_id` is the SHA-256 of its content."""

    document_id: str
    kind: str
    media_type: str


Event = OrderPlaced | OrderImported | OrderConfirmed | OrderShipped | OrderDelivered | OrderCancelled | DocumentAttached
"""Any of the events."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who asked for a change, with which idempotency key, for which exact request, in which call."""

    actor: str = "system"
    key: str | None = None
    fingerprint: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RememberedKey:
    """What a key did: the version it made, and the fingerprint of the request it came with."""

    version: int
    fingerprint: str
