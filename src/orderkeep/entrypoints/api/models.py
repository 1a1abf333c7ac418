"""Response models, for the OpenAPI document. Responses are encoded from DTOs or stored bytes and do not pass through
these models; a test compares the two.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from orderkeep.domain.lifecycle import Command, OrderStatus
from orderkeep.domain.payments import PaymentKind, PaymentStatus, RefundStatus
from orderkeep.domain.personal_data import PARTS
from orderkeep.domain.returns import ReturnState, ReturnStatus
from orderkeep.domain.shipments import ShippingStatus
from orderkeep.entrypoints.schemas import (
    BILLING_ADDRESS,
    CUSTOMER,
    SHIPPING_ADDRESS,
    AddressBody,
    AnyCurrency,
    CancelBody,
    CustomerBody,
    LineBody,
    PlaceOrderBody,
    not_null,
)

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Version = Annotated[int, Field(ge=1)]


def _describe_response(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Describe fields that are always present: without a default, and not null unless null is what the default is."""
    for name, field in model.model_fields.items():
        described = schema["properties"][field.alias or name]
        described.pop("default", None)
        if field.get_default(call_default_factory=True) is not None and not field.is_required():
            schema["properties"][field.alias or name] = not_null(described)


class ResponseModel(BaseModel):
    """Base of all response models: all fields are always present, and later releases may add fields."""

    model_config = ConfigDict(
        strict=False,
        extra="ignore",
        json_schema_serialization_defaults_required=True,
        defer_build=True,
        json_schema_extra=_describe_response,
    )


Units = Annotated[int, Field(ge=0)]


class OrderLine(LineBody, ResponseModel):
    """Order line. Amounts are in minor units of the order's currency."""

    id: str = Field(description="Identifies the line in its order.")
    cancelled: Units = Field(description="Number of units cancelled.")
    shipped: Units = Field(description="Number of units shipped.")
    delivered: Units = Field(description="Number of units delivered.")
    returned: Units = Field(description="Number of units returned.")


class LineQuantity(ResponseModel):
    """A number of units of a line."""

    line: str = Field(description="ID of the line.")
    quantity: Units = Field(description="Number of units.")


class Hold(ResponseModel):
    """Reason and time of a hold."""

    reason: str = Field(description="Short reason.")
    note: str | None = Field(description="Free text, or null.")
    until: Time | None = Field(description="Time at which the hold ends by itself, or null.")
    at: Time = Field(description="Time at which the order was put on hold, in UTC.")


class Shipment(ResponseModel):
    """Units that were shipped together."""

    id: str = Field(description="Identifies the shipment in its order: `s1`, `s2` and so on.")
    lines: tuple[LineQuantity, ...] = Field(description="Shipped units; empty if the order has no lines.")
    carrier: str | None = Field(description="Carrier, or null.")
    tracking_number: str | None = Field(description="The carrier's number of the parcel, or null.")
    tracking_url: str | None = Field(description="Page where the parcel can be tracked, or null.")
    shipped_at: Time = Field(description="Time of shipment, in UTC.")
    delivered_at: Time | None = Field(description="Time of delivery, in UTC, or null.")


class Payment(ResponseModel):
    """Something that happened to a payment. Unique by `reference` and `kind`."""

    reference: str = Field(description="ID of the payment at the payment provider.")
    kind: PaymentKind = Field(description="What happened to the payment.")
    amount: Annotated[int, Field(ge=1)] = Field(description="Amount, in minor units of the order's currency.")
    method: str | None = Field(description="Payment method, such as `card`, or null.")
    occurred_at: Time = Field(description="Time at which it happened, in UTC.")


class Refund(ResponseModel):
    """Money that is paid back. Unique by `reference`."""

    reference: str = Field(description="ID of the refund, such as the one at the payment provider.")
    amount: Annotated[int, Field(ge=1)] = Field(description="Amount, in minor units of the order's currency.")
    status: RefundStatus = Field(description="Status of the refund.")
    reason: str | None = Field(description="Short reason, or null.")
    lines: tuple[LineQuantity, ...] = Field(description="Units that the refund is for; may be empty.")
    created_at: Time = Field(description="Time at which the refund was recorded, in UTC.")
    closed_at: Time | None = Field(description="Time at which it succeeded or failed, in UTC, or null.")


class ReturnedUnits(LineQuantity):
    """Units that arrived."""

    condition: str | None = Field(description="Condition of the units, or null.")


class Return(ResponseModel):
    """Units that the customer returns."""

    id: str = Field(description="Identifies the return in its order: `r1`, `r2` and so on.")
    status: ReturnState = Field(description="Status of the return.")
    lines: tuple[LineQuantity, ...] = Field(description="Units to be returned; empty if the order has no lines.")
    reason: str | None = Field(description="Short reason, or null.")
    created_at: Time = Field(description="Time of the request, in UTC.")
    received: tuple[ReturnedUnits, ...] = Field(description="Units that arrived.")
    suggested_refund: Annotated[int, Field(ge=0)] = Field(
        description="Value of the units that arrived, in minor units. Nothing is refunded by it."
    )
    note: str | None = Field(description="Free text, or null.")
    closed_at: Time | None = Field(description="Time at which it was received, rejected or cancelled, or null.")


class Note(ResponseModel):
    """A note on an order."""

    id: str = Field(description="Identifies the note in its order: `n1`, `n2` and so on.")
    text: str = Field(description="Text.")
    visibility: Literal["internal", "customer"] = Field(description="`internal`: for staff only.")
    created_at: Time = Field(description="Time of the note, in UTC.")
    edited_at: Time | None = Field(description="Time of its last change, in UTC, or null.")


class Cancellation(CancelBody, ResponseModel):
    """Reason and time of a cancellation."""

    at: Time = Field(description="Time of the cancellation, in UTC.")


class Document(ResponseModel):
    """File that belongs to an order, such as a receipt."""

    id: str = Field(description="Document ID: the SHA-256 of the content, in hexadecimal.")
    kind: Literal["receipt"]
    media_type: str = Field(description="Media type, such as `text/html`.")
    size: int = Field(description="Size in bytes.")
    order_version: Version = Field(description="Version of the order that the document shows.")
    since_version: Version = Field(description="First version of the order that lists the document.")
    created_at: Time = Field(description="Time of issue, in UTC.")


class Customer(CustomerBody, ResponseModel):
    """The person to contact about an order."""


class Address(AddressBody, ResponseModel):
    """Postal address."""


def _describe_order(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Describe the personal data, which is omitted from an order that has none, and from earlier states of an order."""
    _describe_response(schema, model)
    schema["required"] = [name for name in schema["required"] if name not in PARTS]


class Order(PlaceOrderBody, ResponseModel):
    """Order. Amounts are in minor units of its currency: 9900 is 99.00 EUR, and 99 is 99 JPY. An order that has
    personal data has `customer`, `shipping_address` and `billing_address`, each of which may be null; other orders and
    earlier states of orders do not have them.
    """

    model_config = ConfigDict(json_schema_extra=_describe_order)

    id: str = Field(description="Order ID.")
    currency: AnyCurrency = Field(description="ISO 4217 code; imported orders may have one that was withdrawn since.")
    status: OrderStatus = Field(description="Status in the order lifecycle.")
    payment_status: PaymentStatus = Field(
        description="Status of the payments, the first that applies: `none_due` (nothing captured or due), `unpaid`, "
        "`authorized` and `partially_authorized` (nothing captured), `partially_paid` and `paid` (nothing refunded), "
        "`overpaid` (captured less refunded exceeds `current_total`), `refunded` (all that was captured), "
        "`partially_refunded`. Pending refunds do not count."
    )
    shipping_status: ShippingStatus = Field(description="How much of the order was shipped and delivered.")
    return_status: ReturnStatus = Field(description="How much of the order was returned.")
    on_hold: bool = Field(description="Whether the order is on hold: it can be neither confirmed nor shipped.")
    current_total: Units = Field(description="Total less the value of what was cancelled.")
    authorized: Units = Field(description="Authorized payments, less those that were voided.")
    captured: Units = Field(description="Captured payments.")
    refunded: Units = Field(description="Refunds that succeeded.")
    refund_pending: Units = Field(description="Refunds that neither succeeded nor failed yet.")
    refund_due: Units = Field(description="Amount to be paid back to the customer, beyond the refunds so far.")
    void_due: Units = Field(description="Amount that is authorized on a cancelled order and to be voided.")
    created_at: Time = Field(description="Time of placement, in UTC.")
    updated_at: Time = Field(description="Time of the last change, in UTC.")
    lines: tuple[OrderLine, ...] = Field((), description="Order lines.")
    cancellation: Cancellation | None = Field(None, description="Reason and time of the cancellation, or null.")
    hold: Hold | None = Field(None, description="Reason and time of the hold, or null.")
    shipments: tuple[Shipment, ...] = Field((), description="Shipments, oldest first.")
    payments: tuple[Payment, ...] = Field((), description="What happened to payments, in the order of recording.")
    refunds: tuple[Refund, ...] = Field((), description="Refunds, oldest first.")
    returns: tuple[Return, ...] = Field((), description="Returns, oldest first.")
    notes: tuple[Note, ...] = Field((), description="Notes, oldest first.")
    documents: tuple[Document, ...] = Field((), description="Documents of the order, oldest first.")
    personal_data: str | None = Field(
        None, description="Commitment to the personal data: the SHA-256 of a random salt and the data, or null."
    )
    version: Version = Field(description="Version number: 1 for a new order, incremented by every change.")
    customer: Customer | None = CUSTOMER
    shipping_address: Address | None = SHIPPING_ADDRESS
    billing_address: Address | None = BILLING_ADDRESS


class Event(ResponseModel):
    """Event of an order."""

    type: str = Field(description="Event type, such as `OrderCancelled`.")
    data: dict[str, str | None] = Field(description="Event data.")


class Change(ResponseModel):
    """One entry of the order's history, with the resulting order."""

    version: Version = Field(description="Version of the resulting order.")
    at: Time = Field(description="Time of the change, in UTC.")
    actor: str = Field(description="Actor who made the change, such as `staff:local`.")
    actor_name: str | None = Field(description="To staff, the name of the API key of staff that made the change.")
    request_id: str | None = Field(description="`X-Request-Id` of the request that made the change.")
    events: tuple[Event, ...] = Field(description="Events of the change.")
    order: Order = Field(description="The resulting order.")
    previous_hash: str = Field(description="`hash` of the previous change; empty for the first.")
    hash: str = Field(description="SHA-256 of this change and `previous_hash`. The entries form a hash chain.")


class FeedEvent(ResponseModel):
    """Event of any order, as the feed returns it. It contains no personal data."""

    id: str = Field(description="Event ID: the order ID, the version and the number of the event in its change.")
    type: str = Field(description="Event type, such as `OrderCancelled`.")
    order_id: str = Field(description="Order ID.")
    version: Version = Field(description="Version of the order after the change.")
    position: Version = Field(description="Position of the change in the feed. The events of a change share it.")
    occurred_at: Time = Field(description="Time at which it happened, as far as that was reported, in UTC.")
    recorded_at: Time = Field(description="Time of the change, in UTC.")
    actor_kind: Literal["customer", "staff", "system"] = Field(description="Kind of the actor who made the change.")
    request_id: str | None = Field(description="`X-Request-Id` of the request that made the change.")
    data: dict[str, Any] = Field(
        description="Fields of the event; with `data=full` also `order`, and `previous`, the order before or null."
    )


class EventPage(ResponseModel):
    """Page of events, oldest first. It contains all events of a change, or none."""

    data: tuple[FeedEvent, ...]
    has_more: bool = Field(description="Whether further events exist.")
    next_after: Annotated[int, Field(ge=0)] = Field(description="Position to continue from, as `after`.")


class OrderAction(ResponseModel):
    """A command, and whether the order accepts it."""

    name: str = Field(description="Name of the command.")
    allowed: bool = Field(description="Whether the command succeeds, with suitable values.")
    code: str | None = Field(description="Code of the error that it is rejected with, or null.")
    reason: str | None = Field(description="Why it is rejected, or cannot change anything, for people, or null.")


class OrderActions(ResponseModel):
    """All commands on an order."""

    version: Version = Field(description="Version of the order.")
    actions: tuple[OrderAction, ...] = Field(description="All commands.")


class Page(ResponseModel):
    """Base of all pages."""

    has_more: bool = Field(description="Whether another page exists.")
    next_cursor: str | None = Field(description="Cursor of the next page, or null.")


class OrderPage(Page):
    """Page of orders, newest first."""

    data: tuple[Order, ...]


class ChangePage(Page):
    """Page of the changes of an order, oldest first."""

    data: tuple[Change, ...]


class DocumentPage(Page):
    """All documents of an order, oldest first: at most 100, in one page."""

    data: tuple[Document, ...]


class Erasure(ResponseModel):
    """Result of an erasure."""

    orders: Annotated[int, Field(ge=0)] = Field(description="Number of orders.")
    erased: Annotated[int, Field(ge=0)] = Field(description="Number of those that had personal data until now.")


class Cancelled(ResponseModel):
    """The order is cancelled."""

    status: Literal["cancelled"]


class StatusCommands(ResponseModel):
    """A status and the commands that it accepts."""

    name: OrderStatus
    commands: tuple[Command, ...]


class Transition(ResponseModel):
    """Status after a command."""

    origin: OrderStatus = Field(alias="from")
    command: Command
    to: OrderStatus


class Lifecycle(ResponseModel):
    """The order lifecycle. A command is rejected unless `transitions` lists it for the status."""

    statuses: tuple[StatusCommands, ...]
    transitions: tuple[Transition, ...]


class Health(ResponseModel):
    """Result of a health check."""

    status: Literal["alive", "ready"]
