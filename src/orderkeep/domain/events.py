"""The events of an order. A change records them together with the resulting order, so that they contain little."""

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
class ShipmentCreated:
    """A part of the order, or all of it, was shipped."""

    shipment_id: str


@dataclass(frozen=True, slots=True)
class ShipmentUpdated:
    """The carrier, the tracking number or the tracking URL of a shipment changed."""

    shipment_id: str


@dataclass(frozen=True, slots=True)
class ShipmentDelivered:
    """A shipment was delivered to the customer."""

    shipment_id: str


@dataclass(frozen=True, slots=True)
class OrderShipped:
    """All of the order was shipped."""


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """All of the order was delivered to the customer."""


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The order was cancelled."""

    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LinesCancelled:
    """Units of lines were cancelled."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OrderHeld:
    """The order was put on hold."""

    reason: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class OrderReleased:
    """The order is no longer on hold."""


@dataclass(frozen=True, slots=True)
class PaymentRecorded:
    """A payment was authorized, captured or voided, or failed, as `kind` says."""

    kind: str
    reference: str


@dataclass(frozen=True, slots=True)
class RefundCreated:
    """A refund was added, to be started at the payment provider."""

    reference: str


@dataclass(frozen=True, slots=True)
class RefundSucceeded:
    """A refund was paid to the customer."""

    reference: str


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """A refund failed, or the bank returned it."""

    reference: str


@dataclass(frozen=True, slots=True)
class ObligationsChanged:
    """`refund_due` or `void_due` of the order changed."""


@dataclass(frozen=True, slots=True)
class ReturnRequested:
    """The customer wants to return units of the order."""

    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnReceived:
    """Returned units arrived."""

    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnRejected:
    """A return was not accepted."""

    return_id: str


@dataclass(frozen=True, slots=True)
class ReturnCancelled:
    """The customer keeps the units after all."""

    return_id: str


@dataclass(frozen=True, slots=True)
class NoteAdded:
    """A note was added."""

    note_id: str


@dataclass(frozen=True, slots=True)
class NoteEdited:
    """The text of a note changed."""

    note_id: str


@dataclass(frozen=True, slots=True)
class DetailsChanged:
    """Tags, metadata or the external reference changed."""


@dataclass(frozen=True, slots=True)
class PersonalDataChanged:
    """The customer or an address changed."""


@dataclass(frozen=True, slots=True)
class PersonalDataErased:
    """The personal data was erased, and its receipts were replaced by ones without it."""


@dataclass(frozen=True, slots=True)
class DocumentAttached:
    """A document of the order was stored, such as a receipt; `document_id` is the SHA-256 of its content."""

    document_id: str
    kind: str
    media_type: str


Event = (
    OrderPlaced
    | OrderImported
    | OrderConfirmed
    | ShipmentCreated
    | ShipmentUpdated
    | ShipmentDelivered
    | OrderShipped
    | OrderDelivered
    | OrderCancelled
    | LinesCancelled
    | OrderHeld
    | OrderReleased
    | PaymentRecorded
    | RefundCreated
    | RefundSucceeded
    | RefundFailed
    | ObligationsChanged
    | ReturnRequested
    | ReturnReceived
    | ReturnRejected
    | ReturnCancelled
    | NoteAdded
    | NoteEdited
    | DetailsChanged
    | PersonalDataChanged
    | PersonalDataErased
    | DocumentAttached
)
"""Any domain event."""
