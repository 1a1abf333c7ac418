"""Routes of webhooks: subscriptions to the events of orders, and their deliveries."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application import errors
from orderkeep.application.events import EVENT_TYPES
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE
from orderkeep.application.webhooks.subscriptions import (
    MAX_WEBHOOKS,
    WebhookView,
)
from orderkeep.domain.exceptions import InvalidUrl
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import CreationContext, CurrentActor, Services, WebhookContext
from orderkeep.entrypoints.api.examples import failures, success
from orderkeep.entrypoints.api.orders import Cursor, Limit
from orderkeep.entrypoints.api.responses import EncodedResponse, RawHeaders, encode, etag_of, next_link
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.api.webhook_models import (
    Delivery,
    DeliveryPage,
    EventType,
    ReplayBody,
    UpdateWebhookBody,
    Webhook,
    WebhookBody,
    WebhookPage,
    WebhookWithSecret,
)
from orderkeep.entrypoints.envelopes import delivery_form, page_form, webhook_form

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=CompiledRoute)

WebhookId = Annotated[str, Path(description="Webhook ID.", examples=[examples.WEBHOOK_ID])]


class DeliveryQuery(BaseModel):
    """Query parameters of a list of deliveries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Limit = Field(DEFAULT_PAGE, description="Maximum number of results per page, 1 to 200. Default: 50.")
    cursor: Cursor = Field(None, description="`next_cursor` of the previous page.")
    state: Literal["delivered", "failed"] | None = Field(
        None,
        description="Only attempts that the receiver accepted, with any status from 200 to 299; or only the others.",
        examples=["failed"],
    )
    type: EventType | None = Field(None, description="Only events of this type.", examples=["OrderPlaced"])

    @property
    def delivered(self) -> bool | None:
        return None if self.state is None else self.state == "delivered"


_CREATE = {"url": "http://localhost:9000/hooks", "types": ["OrderCancelled", "OrderShipped"], "description": "Shop"}
_PAUSED = {**examples.WEBHOOK, "status": "paused", "paused_reason": "requested", "paused_at": examples.SHIPPED_AT}
_INVALID = (
    errors.UnknownEventType(f"must be a type of event, such as {EVENT_TYPES[0]}", "types/0"),
    InvalidUrl("must begin with https://; http is allowed for localhost in local mode only", "url"),
)
_POSITION = errors.PositionOutOfRange("must be from 900 to 1000, the position of the webhook", "last")
_CHANGED = failures(examples.WEBHOOK_ERRORS)
_KEYED = failures((errors.IdempotencyKeyReused(), *examples.WEBHOOK_ERRORS))


def _is(
    status: int, description: str, example: dict[str, Any] = examples.WEBHOOK, *more_headers: str
) -> dict[int | str, dict[str, Any]]:
    name = "WebhookWithSecret" if "secret" in example else "Webhook"
    return success(status, description, {name: example}, headers=("ETag", *more_headers))


_REPLAYED = (b"idempotency-replayed", b"true")


def _response(webhook: WebhookView, status: int = HTTPStatus.OK, headers: RawHeaders = ()) -> Response:
    etag = (b"etag", etag_of(webhook.version).encode())
    replayed = [_REPLAYED] if webhook.replayed else []
    return EncodedResponse(encode(webhook_form(webhook)), status, [etag, *headers, *replayed])


@router.post(
    "",
    response_model=WebhookWithSecret,
    status_code=201,
    summary="Create a webhook",
    responses={
        **success(
            201,
            "The webhook with its secret, which is not returned again.",
            {"WebhookWithSecret": examples.WEBHOOK_WITH_SECRET},
            headers=("ETag", "Location", "Idempotency-Replayed"),
        ),
        **failures(
            (
                *_INVALID,
                _POSITION,
                errors.TooManyWebhooks(MAX_WEBHOOKS),
                errors.IdempotencyKeyReused(),
                *examples.WEBHOOK_ERRORS,
            )
        ),
    },
)
async def create_webhook(
    request: Request,
    context: CreationContext,
    use_cases: Services,
    webhook: Annotated[WebhookBody, Body(openapi_examples={"WebhookBody": {"value": _CREATE}})],
) -> Response:
    """Subscribes a URL to the events of orders. Store the secret: receivers verify signatures with it. A repeated
    request with the same `Idempotency-Key` returns the webhook that the first one created, as it is now, and its
    secret.
    """
    given = webhook.given()
    created = await use_cases.create_webhook.execute(given.pop("url"), **given, key=context.key, actor=context.actor)
    headers = [(b"location", f"{request.scope['root_path']}/webhooks/{created.id}".encode())]
    return _response(created, HTTPStatus.CREATED, headers)


@router.get(
    "",
    response_model=WebhookPage,
    summary="List webhooks",
    responses={
        **success(
            200, "All webhooks.", {"WebhookPage": {"data": [examples.WEBHOOK], "has_more": False, "next_cursor": None}}
        ),
        **failures((errors.NotAllowed("webhooks:admin"), *examples.SERVED_ERRORS)),
    },
)
async def list_webhooks(actor: CurrentActor, use_cases: Services) -> Response:
    """Returns all webhooks, oldest first, in one page."""
    found = await use_cases.list_webhooks.execute(actor)
    return EncodedResponse(encode(page_form([webhook_form(each) for each in found], None)))


@router.get(
    "/{webhook_id}",
    response_model=Webhook,
    summary="Get a webhook",
    responses={**_is(200, "The webhook."), **failures(examples.WEBHOOK_READ_ERRORS)},
)
async def get_webhook(webhook_id: WebhookId, actor: CurrentActor, use_cases: Services) -> Response:
    """Returns the webhook with its progress, without its secret."""
    return _response(await use_cases.get_webhook.execute(webhook_id, actor))


@router.patch(
    "/{webhook_id}",
    response_model=Webhook,
    summary="Update a webhook",
    responses={
        **_is(200, "The webhook after the change."),
        **failures((*_INVALID, errors.OtherWebhookVersion(2, 3), *examples.WEBHOOK_ERRORS)),
    },
)
async def update_webhook(
    webhook_id: WebhookId,
    context: WebhookContext,
    use_cases: Services,
    changes: Annotated[
        UpdateWebhookBody, Body(openapi_examples={"UpdateWebhookBody": {"value": {"types": ["OrderCancelled"]}}})
    ],
) -> Response:
    """Changes the URL, the filter, the description or the status. They apply to all events that are not delivered yet,
    and the previous secrets stay valid.
    """
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    updated = await use_cases.update_webhook.execute(
        webhook_id, given, expected_version=context.expected_version, actor=context.actor
    )
    return _response(updated)


@router.delete(
    "/{webhook_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a webhook",
    responses={
        **success(204, "The webhook is deleted."),
        **failures((errors.OtherWebhookVersion(2, 3), *examples.WEBHOOK_ERRORS)),
    },
)
async def delete_webhook(webhook_id: WebhookId, context: WebhookContext, use_cases: Services) -> Response:
    """Deletes the webhook, its secrets and its deliveries. Requests that are being sent are completed."""
    await use_cases.delete_webhook.execute(webhook_id, expected_version=context.expected_version, actor=context.actor)
    return Response(None, HTTPStatus.NO_CONTENT)


@router.post(
    "/{webhook_id}/test",
    response_model=Delivery,
    summary="Send a test event",
    responses={
        **success(
            200,
            "What the receiver responded.",
            {
                "Delivery": {
                    **examples.DELIVERY,
                    "type": "WebhookTest",
                    "event_id": "test.7f3a9c01d2e4b586",
                    "order_id": None,
                    "position": 0,
                }
            },
            headers=("Idempotency-Replayed",),
        ),
        **_KEYED,
    },
)
async def send_webhook_test(webhook_id: WebhookId, context: CreationContext, use_cases: Services) -> Response:
    """Sends a test event, once, and returns what the receiver responded. It belongs to no order and is not part of the
    feed. Also possible while the webhook is paused. A repeated request with the same `Idempotency-Key` sends nothing,
    and returns the original response.
    """
    attempt = await use_cases.send_webhook_test.execute(webhook_id, context.actor, key=context.key)
    headers = [_REPLAYED] if attempt.replayed else []
    return EncodedResponse(encode(delivery_form(attempt)), HTTPStatus.OK, headers)


@router.post(
    "/{webhook_id}/pause",
    response_model=Webhook,
    summary="Pause a webhook",
    responses={**_is(200, "The paused webhook.", _PAUSED), **_CHANGED},
)
async def pause_webhook(webhook_id: WebhookId, actor: CurrentActor, use_cases: Services) -> Response:
    """Stops deliveries until the webhook is resumed. No event is lost meanwhile."""
    return _response(await use_cases.pause_webhook.execute(webhook_id, actor))


@router.post(
    "/{webhook_id}/resume",
    response_model=Webhook,
    summary="Resume a webhook",
    responses={**_is(200, "The active webhook."), **_CHANGED},
)
async def resume_webhook(webhook_id: WebhookId, actor: CurrentActor, use_cases: Services) -> Response:
    """Continues exactly where deliveries stopped. Waiting events are sent at once, and have all their attempts again;
    also if the webhook is active.
    """
    return _response(await use_cases.resume_webhook.execute(webhook_id, actor))


@router.post(
    "/{webhook_id}/rotate-secret",
    response_model=WebhookWithSecret,
    summary="Rotate the secret",
    responses={
        **_is(
            200,
            "The webhook with its new secret, which is not returned again.",
            examples.WEBHOOK_WITH_SECRET,
            "Idempotency-Replayed",
        ),
        **_KEYED,
    },
)
async def rotate_webhook_secret(webhook_id: WebhookId, context: CreationContext, use_cases: Services) -> Response:
    """Returns a new secret. For 24 hours, requests are signed with the previous one too. A repeated request with the
    same `Idempotency-Key` changes nothing, and returns the webhook as it is now, and its secret.
    """
    return _response(await use_cases.rotate_webhook_secret.execute(webhook_id, context.actor, key=context.key))


@router.post(
    "/{webhook_id}/replay",
    response_model=Webhook,
    summary="Send events again",
    responses={
        **_is(
            200,
            "The webhook with the replay.",
            {**examples.WEBHOOK, "replay": {"first": 900, "last": 1000, "position": 899}},
            "Idempotency-Replayed",
        ),
        **failures(
            (_POSITION, errors.ReplayInProgress(1_000), errors.IdempotencyKeyReused(), *examples.WEBHOOK_ERRORS)
        ),
    },
)
async def replay_webhook(
    webhook_id: WebhookId,
    context: CreationContext,
    use_cases: Services,
    replay: Annotated[ReplayBody, Body(openapi_examples={"ReplayBody": {"value": {"first": 1, "last": 1}}})],
) -> Response:
    """Sends the events of a range of positions again, as far as they match the filter. The position of the webhook does
    not change. One replay at a time is possible. A repeated request with the same `Idempotency-Key` changes nothing,
    and returns the webhook as it is now.
    """
    replayed = await use_cases.replay_webhook.execute(
        webhook_id, replay.first, replay.last, context.actor, key=context.key
    )
    return _response(replayed)


@router.get(
    "/{webhook_id}/deliveries",
    response_model=DeliveryPage,
    summary="List deliveries",
    responses={
        **success(
            200,
            "Attempts, newest first.",
            {"DeliveryPage": {"data": [examples.DELIVERY], "has_more": False, "next_cursor": None}},
            headers=("Link",),
        ),
        **failures((errors.InvalidCursor(), *examples.WEBHOOK_READ_ERRORS)),
    },
)
async def list_webhook_deliveries(
    webhook_id: WebhookId,
    request: Request,
    actor: CurrentActor,
    use_cases: Services,
    query: Annotated[DeliveryQuery, Query()],
) -> Response:
    """Returns the newest attempts, newest first: all, or those of one state or type. Earlier ones are deleted."""
    page = await use_cases.list_webhook_deliveries.execute(
        webhook_id,
        limit=query.limit,
        cursor=query.cursor,
        delivered=query.delivered,
        event_type=query.type,
        actor=actor,
    )
    content = page_form([delivery_form(each) for each in page.attempts], page.next_cursor)
    return EncodedResponse(encode(content), HTTPStatus.OK, next_link(request, page.next_cursor))
