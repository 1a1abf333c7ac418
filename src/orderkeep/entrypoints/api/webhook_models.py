"""Request and response models of webhooks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from orderkeep.application.errors import PositionOutOfRange
from orderkeep.application.events import EVENT_TYPES
from orderkeep.application.use_cases.create_webhook import BEGINNING, NOW, START_RULE
from orderkeep.application.webhooks.subscriptions import (
    MAX_DESCRIPTION_LENGTH,
    MAX_URL_LENGTH,
    PauseReason,
    WebhookStatus,
)
from orderkeep.domain.limits import MAX_TAG_LENGTH
from orderkeep.entrypoints.api.models import ResponseModel, Time, Version
from orderkeep.entrypoints.field_errors import rule_broken
from orderkeep.entrypoints.schemas import LARGEST_VERSION, ONE_LINE, Body

_TYPES = ", ".join(f"`{each}`" for each in EVENT_TYPES[:3])


def _text(longest: int) -> Any:
    return Field(min_length=1, max_length=longest, pattern=ONE_LINE)


def _check_start(value: object) -> object:
    if value in (NOW, BEGINNING) or (type(value) is int and 0 <= value <= LARGEST_VERSION):
        return value
    raise rule_broken(PositionOutOfRange.code, START_RULE)


Url = Annotated[str, _text(MAX_URL_LENGTH)]
_Type = Annotated[str, WithJsonSchema({"type": "string", "enum": [*EVENT_TYPES]})]
EventType = Annotated[Literal[EVENT_TYPES], WithJsonSchema({"type": "string", "enum": [*EVENT_TYPES]})]  # type: ignore[valid-type]
_SEVERAL = Field(max_length=len(EVENT_TYPES), json_schema_extra={"uniqueItems": True})
Types = Annotated[tuple[_Type, ...], Strict(False), _SEVERAL]
Tag = Annotated[str, _text(MAX_TAG_LENGTH)]
Description = Annotated[str, _text(MAX_DESCRIPTION_LENGTH)]
Position = Annotated[int, Field(ge=1, le=LARGEST_VERSION)]
_NAMED = {"type": "string", "enum": [NOW, BEGINNING]}
_NUMBERED = {"type": "integer", "minimum": 0, "maximum": LARGEST_VERSION}
Start = Annotated[str | int, BeforeValidator(_check_start), WithJsonSchema({"anyOf": [_NAMED, _NUMBERED]})]

_URL = "URL to send events to: https, or in local mode http to this machine."
_WHICH = f"Types of events, such as {_TYPES}. Default: all."
_TAG = "Send only events of orders that have this tag at the time of the event."
_NAME = "What the webhook is for."


class WebhookBody(Body):
    """Webhook to create."""

    url: Url = Field(description=_URL)
    types: Types | None = Field(None, description=_WHICH)
    tag: Tag | None = Field(None, description=_TAG)
    description: Description | None = Field(None, description=_NAME)
    start: Start | None = Field(
        None,
        description="The first event: the next one (`now`, the default), the first (`beginning`), or that after "
        "a position of the feed.",
    )


class UpdateWebhookBody(Body):
    """Changes of a webhook, as a JSON merge patch (RFC 7396): null removes a value, and an omitted field is kept."""

    url: Url = Field(default_factory=str, description=_URL)
    types: Types | None = Field(None, description=_WHICH)
    tag: Tag | None = Field(None, description=_TAG)
    description: Description | None = Field(None, description=_NAME)
    status: Literal["active", "paused"] | None = Field(None, description="`paused` to pause it, `active` to resume it.")


class ReplayBody(Body):
    """Range of positions to send again."""

    first: Position = Field(description="Position of the first event.")
    last: Position = Field(description="Position of the last event; at most the position of the webhook.")


class ReplayRange(ResponseModel):
    """Replay that is not complete."""

    first: Position = Field(description="Position of the first event.")
    last: Position = Field(description="Position of the last event.")
    position: int = Field(ge=0, description="Position up to which events were sent again.")


class Webhook(ResponseModel):
    """Subscription of a URL to the events of orders, with its progress."""

    id: str = Field(description="Webhook ID.")
    url: str = Field(description="URL that events are sent to.")
    types: tuple[str, ...] = Field(description="Types of events; empty for all.")
    tag: str | None = Field(description="Tag that the order must have, or null.")
    description: str | None = Field(description="What the webhook is for, or null.")
    status: WebhookStatus = Field(description="Whether events are sent.")
    paused_reason: PauseReason | None = Field(
        description="Why it is paused, or null: `requested`, `failed` after the last attempt, or `gone` after a "
        "response with 410."
    )
    paused_detail: str | None = Field(description="Details of the reason, or null.")
    paused_at: Time | None = Field(description="Time at which it was paused, in UTC, or null.")
    position: int = Field(
        ge=0, description="Position in the feed: all events up to it were delivered, except those of waiting orders."
    )
    waiting_orders: int = Field(
        ge=0, description="Number of orders whose events wait, because one of them was not accepted."
    )
    next_attempt_at: Time | None = Field(description="Time of the next attempt for a waiting order, in UTC, or null.")
    replay: ReplayRange | None = Field(description="Replay that is not complete, or null.")
    previous_secret_expires_at: Time | None = Field(
        description="Time until which requests are signed with the previous secret too, in UTC, or null."
    )
    created_at: Time = Field(description="Time of creation, in UTC.")
    version: Version = Field(description="Number of changes of the webhook, including its creation.")


class WebhookWithSecret(Webhook):
    """Webhook with a new secret."""

    secret: str = Field(description="Secret to verify signatures with. It is returned only once.")


class WebhookPage(ResponseModel):
    """All webhooks, oldest first."""

    data: tuple[Webhook, ...] = Field(description="Webhooks.")
    has_more: bool = Field(description="Always `false`: all are on the first page.")
    next_cursor: str | None = Field(description="Always null.")


class Delivery(ResponseModel):
    """Attempt to deliver an event."""

    at: Time = Field(description="Time of the request, in UTC.")
    event_id: str = Field(description="ID of the event, as in the header `webhook-id`.")
    type: str = Field(description="Type of the event.")
    order_id: str | None = Field(description="ID of the order, or null for a test.")
    position: int = Field(ge=0, description="Position of the event in the feed; 0 for a test.")
    attempt: int = Field(ge=1, description="Number of this attempt, from 1.")
    delivered: bool = Field(description="Whether the receiver accepted the event, with a status from 200 to 299.")
    status: int | None = Field(description="HTTP status of the response, or null without a complete response.")
    seconds: float = Field(description="Duration of the request, in seconds.")
    error: str | None = Field(description="Why there is no complete response, or null.")
    response: str = Field(description="The first 1,024 bytes of the response, without anything that looks secret.")


class DeliveryPage(ResponseModel):
    """Attempts, newest first."""

    data: tuple[Delivery, ...] = Field(description="Attempts.")
    has_more: bool = Field(description="Whether there are more.")
    next_cursor: str | None = Field(description="Cursor of the next page, or null.")
