"""Response models, for the OpenAPI document. Responses are encoded from DTOs or stored bytes and do not pass through
these models; a test compares the two.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from orderkeep.domain.entities import Command, OrderStatus
from orderkeep.entrypoints.schemas import AnyCurrency, CancelBody, LineBody, PlaceOrderBody, not_null

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


class OrderLine(LineBody, ResponseModel):
    """Order line. Amounts are in minor units of the order's currency."""


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


class Order(PlaceOrderBody, ResponseModel):
    """Order. Amounts are in minor units of its currency: 9900 is 99.00 EUR, and 99 is 99 JPY."""

    id: str = Field(description="Order ID.")
    currency: AnyCurrency = Field(description="ISO 4217 code; imported orders may have one that was withdrawn since.")
    status: OrderStatus = Field(description="Status in the order lifecycle.")
    created_at: Time = Field(description="Time of placement, in UTC.")
    updated_at: Time = Field(description="Time of the last change, in UTC.")
    lines: tuple[OrderLine, ...] = Field((), description="Order lines.")
    cancellation: Cancellation | None = Field(None, description="Reason and time of the cancellation, or null.")
    documents: tuple[Document, ...] = Field((), description="Documents of the order, oldest first.")
    version: Version = Field(description="Version number: 1 for a new order, incremented by every change.")


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
