"""What answers look like, for the OpenAPI document alone: at run time nothing passes through here. A test holds them
to the DTOs that are encoded.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from orderkeep.domain.status import Command, OrderStatus
from orderkeep.entrypoints.schemas import CancelBody, LineBody, PlaceOrderBody, ReceiptBody

ANSWERED = ConfigDict(strict=False, extra="ignore", json_schema_serialization_defaults_required=True)
"""Every field is always there, and there may be more one day."""

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Version = Annotated[int, Field(ge=1, description="How many changes were made to the order so far.")]


class Answer(BaseModel):
    """What all of them share."""

    model_config = ANSWERED


class OrderLine(LineBody):
    """One article of an order. Amounts are minor units of the order's currency."""

    model_config = ANSWERED


class Cancellation(CancelBody):
    """Why and when an order was called off."""

    model_config = ANSWERED

    at: Time = Field(description="When it was called off, in UTC.")


class Document(Answer):
    """A file that belongs to an order, such as a receipt."""

    id: str = Field(description="The SHA-256 of its content, in hexadecimal.")
    kind: Literal["receipt"]
    media_type: str = Field(description="Such as `text/html`.")
    size: int = Field(description="In bytes.")
    order_version: Version = Field(description="The version of the order that it shows.")
    since_version: Version = Field(description="The version of the order that lists it first.")
    created_at: Time = Field(description="When it was issued, in UTC.")


class Order(PlaceOrderBody):
    """An order. Amounts are minor units of its one currency: 9900 is 99.00 EUR, and 99 is 99 JPY."""

    model_config = ANSWERED

    id: str = Field(description="What the order is known by.")
    status: OrderStatus = Field(description="Where the order stands in its lifecycle.")
    created_at: Time = Field(description="When it was placed, in UTC.")
    updated_at: Time = Field(description="When it was last changed, in UTC.")
    lines: tuple[OrderLine, ...] = Field((), description="What was ordered.")
    cancellation: Cancellation | None = Field(None, description="Why and when it was called off, if it was.")
    documents: tuple[Document, ...] = Field((), description="The files that belong to it, oldest first.")
    version: Version


class Event(Answer):
    """What happened to an order, in the past tense."""

    type: str = Field(description="The event's name, such as `OrderCancelled`.")
    data: dict[str, str | None] = Field(description="What the event says beside its name.")


class Change(Answer):
    """What one request did to one order, and the order as it became."""

    version: Version
    at: Time = Field(description="When it was done, in UTC.")
    actor: str = Field(description="Who asked, such as `staff:local`.")
    request_id: str | None = Field(description="The `X-Request-Id` of the request that did it.")
    events: tuple[Event, ...] = Field(description="What happened.")
    order: Order = Field(description="The order as it became.")
    previous_hash: str = Field(description="The `hash` of the change before; empty for the first.")
    hash: str = Field(description="SHA-256 over this change and `previous_hash`: any later alteration shows.")


class Page(Answer):
    """What all pages share."""

    has_more: bool = Field(description="Whether there is a next page.")
    next_cursor: str | None = Field(description="The `cursor` that asks for it.")


class OrderPage(Page):
    """A page of orders, newest first."""

    data: tuple[Order, ...]


class ChangePage(Page):
    """A page of what was done to an order, oldest first."""

    data: tuple[Change, ...]


class DocumentPage(Page):
    """All documents of an order, oldest first: there are at most 100, which is one page."""

    data: tuple[Document, ...]


class DryRun(Answer):
    """What a command would do. Nothing was written. Without a key, an order that is placed will get another id."""

    dry_run: Literal[True]
    order: Order = Field(description="The order as it would become.")
    events: tuple[Event, ...] = Field(description="What would happen.")


class Cancelled(Answer):
    """The order is cancelled."""

    status: Literal["cancelled"]


class StatusCommands(Answer):
    """A status, and what can be asked of an order that has it."""

    name: OrderStatus
    commands: tuple[Command, ...]


class Transition(Answer):
    """What a command makes of a status."""

    origin: OrderStatus = Field(alias="from")
    command: Command
    to: OrderStatus


class Lifecycle(Answer):
    """The lifecycle of orders. What is not in `transitions` is refused."""

    statuses: tuple[StatusCommands, ...]
    transitions: tuple[Transition, ...]


class Health(Answer):
    """How the service is."""

    status: Literal["alive", "ready"]


class ProblemDetail(Answer):
    """One of the things that are wrong, with its place: one of `pointer`, `parameter` and `header`."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) into the body; empty for all of it.")
    parameter: str | None = Field(None, description="The name of the query parameter.")
    header: str | None = Field(None, description="The name of the header.")
    code: str = Field(description="Stable, for programs.")
    message: str = Field(description="For people. Never holds the rejected value.")
    limit: int | None = Field(None, description="How many there may be, where there are more.")


class Problem(Answer):
    """An error (RFC 9457)."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    type: str = Field(description="`urn:orderkeep:problem:` and the code.", json_schema_extra={"format": "uri"})
    title: str = Field(description="What problems of this kind are called.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong this time, for people.")
    code: str = Field(description="Stable, for programs.")
    request_id: str = Field(description="The `X-Request-Id` of this answer.")
    limit: int | None = Field(None, description="The bound that the request is past, if that is why it is refused.")
    errors: tuple[ProblemDetail, ...] | None = Field(None, description="All that is wrong, one by one.")


MODELS: tuple[tuple[type[BaseModel], Any], ...] = (
    (PlaceOrderBody, "validation"),
    (CancelBody, "validation"),
    (ReceiptBody, "validation"),
    *((model, "serialization") for model in (Order, Document, OrderPage, ChangePage, DocumentPage, DryRun, Cancelled)),
    *((model, "serialization") for model in (Lifecycle, Health, Problem)),
)
"""What the OpenAPI document describes, and whether as it comes in or as it goes out."""
