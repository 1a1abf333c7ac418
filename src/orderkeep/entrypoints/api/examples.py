"""Examples for the OpenAPI document: orders, requests, responses with their headers, and errors.

An error is documented by an example of the exception: its problem document is made by the code that makes the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from orderkeep.application import errors
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.personal_data import with_personal_data
from orderkeep.domain import exceptions
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import OrderStatus, TooManyDocuments, TooManyRecords
from orderkeep.domain.limits import MAX_TEXT_BYTES
from orderkeep.domain.personal_data import PARTS, Address, Customer, PersonalData, merged
from orderkeep.entrypoints.api.problems import MEDIA_TYPE, HttpProblem, problem_document, problem_of
from orderkeep.entrypoints.field_errors import FieldError

ORDER_ID = "35df620c-1d67-56af-9fd8-00c1febd6343"
REQUEST_ID = "b2f1a3c04d5e4f60a1b2c3d4e5f60718"
DOCUMENT_ID = "4b1d6f0a9c2e5378a1f4d6029be7c35d88f0416e2a97cb3d5e10f2847a6b9c0d"
PLACED_AT, SHIPPED_AT = "2026-11-22T10:00:00Z", "2026-11-22T16:30:00Z"
AT = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
"""`SHIPPED_AT`, the time of every change of the example order."""

SALT = b"0123456789abcdef"
"""The salt of the example order; those of orders are random."""

CURSOR = "WyI5ZjJjMWU3YTVkM2I0YzZhIiwiMjAyNi0xMS0yMlQxMDowMDowMCswMDowMCIsIjEiXQ"

PLACE: dict[str, Any] = {
    "user_id": "user-42",
    "total": 9900,
    "currency": "EUR",
    "lines": [{"sku": "A1", "name": "Lamp", "quantity": 2, "unit_price": 4750}],
    "shipping": 500,
    "discount": 100,
    "external_ref": "web-7781",
    "tags": ["gift"],
    "metadata": {"channel": "web"},
    "customer": {"name": "Jo Doe", "email": "jo@example.com", "phone": "+44 113 496 0100"},
    "shipping_address": {
        "name": "Jo Doe",
        "line1": "12 Mill Lane",
        "city": "Leeds",
        "postal_code": "LS1 4AB",
        "country": "GB",
    },
}
CANCEL = {"reason": "changed_mind", "note": "The customer called."}
CANCEL_LINES = {"lines": [{"line": "l1", "quantity": 1}], "reason": "sold_out"}
HOLD = {"reason": "address_unclear", "note": "Waiting for the customer.", "until": "2099-12-01T00:00:00Z"}
EDIT = {
    "tags": ["gift", "express"],
    "metadata": {"channel": None, "campaign": "winter"},
    "shipping_address": {"line1": "14 Mill Lane", "line2": "Floor 2"},
}
ERASE = {"user_id": "user-42"}
RECEIPT = {"format": "html", "version": 1}
PERSONAL = PersonalData(Customer(**PLACE["customer"]), Address(**PLACE["shipping_address"]))


def order(status: str = OrderStatus.PENDING, version: int = 1, **changed: Any) -> dict[str, Any]:
    """Return the example order in a status, with every field that an order has."""
    fixed = {"id": ORDER_ID, "status": str(status), "version": version, "created_at": PLACED_AT}
    updated_at = PLACED_AT if version == 1 else SHIPPED_AT
    given = msgspec.convert({**PLACE, **fixed, "updated_at": updated_at, **changed}, OrderDTO)
    return _decoded(_with_personal_data(given.to_order()), version)


def _with_personal_data(example: Order) -> Order:
    example.add_personal_data(PERSONAL, SALT)
    return example


def _without_personal_data(example: dict[str, Any]) -> dict[str, Any]:
    """Return an earlier state of the example order, which contains only the commitment."""
    return {name: value for name, value in example.items() if name not in PARTS}


def change_personal_data(example: Order) -> None:
    """Change the personal data of an example order as `EDIT` does."""
    changes: dict[str, Any] = {part: changed for part, changed in EDIT.items() if part in PARTS}
    after = merged(PERSONAL, changes)
    example.set_personal_data(after, SALT, at=AT)


def _decoded(example: Order, version: int) -> dict[str, Any]:
    personal = example.personal_record.data if example.personal_record else None
    decoded: dict[str, Any] = msgspec.json.decode(
        with_personal_data(msgspec.json.encode(OrderDTO.of(example, version)), personal)
    )
    return decoded


DOCUMENT: dict[str, Any] = {
    "id": DOCUMENT_ID,
    "kind": "receipt",
    "media_type": "text/html",
    "size": 3120,
    "order_version": 1,
    "since_version": 2,
    "created_at": SHIPPED_AT,
}
WITH_RECEIPT = order(version=2, documents=[DOCUMENT])
HISTORY = {
    "data": [
        {
            "version": 1,
            "at": PLACED_AT,
            "actor": "staff:key:7Yt4pQ9s2K",
            "actor_name": "till 3",
            "request_id": REQUEST_ID,
            "events": [{"type": "OrderPlaced", "data": {}}],
            "order": _without_personal_data(order()),
            "previous_hash": "",
            "hash": "9f2c1e7a5d3b4c6a8e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f",
        }
    ],
    "has_more": False,
    "next_cursor": None,
}
EVENT = {
    "id": f"{ORDER_ID}.2.1",
    "type": "OrderCancelled",
    "order_id": ORDER_ID,
    "version": 2,
    "position": 7,
    "occurred_at": SHIPPED_AT,
    "recorded_at": SHIPPED_AT,
    "actor_kind": "staff",
    "request_id": REQUEST_ID,
    "data": {"reason": "changed_mind", "note": None},
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": EVENT["id"],
    "source": "orderkeep",
    "type": "orderkeep.order.cancelled",
    "subject": ORDER_ID,
    "time": SHIPPED_AT,
    "datacontenttype": "application/json",
    "dataschema": "urn:orderkeep:event:1",
    "data": EVENT,
}
WEBHOOK_ID = "wh_mzxw6ytboi4dgnbv"
WEBHOOK: dict[str, Any] = {
    "id": WEBHOOK_ID,
    "url": "https://shop.example/hooks",
    "types": ["OrderCancelled", "OrderShipped"],
    "tag": None,
    "description": "Shop",
    "status": "active",
    "paused_reason": None,
    "paused_detail": None,
    "paused_at": None,
    "position": 1207,
    "waiting_orders": 0,
    "next_attempt_at": None,
    "replay": None,
    "previous_secret_expires_at": None,
    "created_at": PLACED_AT,
    "version": 1,
}
WEBHOOK_WITH_SECRET = {**WEBHOOK, "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}
DELIVERY = {
    "at": SHIPPED_AT,
    "event_id": f"{ORDER_ID}.2.1",
    "type": "OrderShipped",
    "order_id": ORDER_ID,
    "position": 1208,
    "attempt": 1,
    "delivered": True,
    "status": 200,
    "seconds": 0.0312,
    "error": None,
    "response": "thanks",
}
ACTIONS = {
    "version": 1,
    "actions": [
        {"name": "confirm", "allowed": True, "code": None, "reason": None},
        {
            "name": "ship",
            "allowed": False,
            "code": "cannot_ship_order",
            "reason": "Order cannot be shipped: it is pending",
        },
    ],
}
LIFECYCLE = {
    "statuses": [{"name": "pending", "commands": ["confirm", "cancel"]}, {"name": "delivered", "commands": []}],
    "transitions": [{"from": "pending", "command": "confirm", "to": "processing"}],
}

_INVALID_FIELDS = HttpProblem(
    "invalid_fields",
    errors=[
        FieldError("field_missing", "is required", pointer="/user_id"),
        FieldError("quantity_out_of_range", "must be a whole number from 1 to 1000000", pointer="/lines/0/quantity"),
    ],
)
_NOT_A_KEY = "must be a single key of 1 to 255 printable ASCII characters"
_INVALID_HEADER = HttpProblem(
    "invalid_header", errors=[FieldError("invalid_header", _NOT_A_KEY, header="Idempotency-Key")]
)
STORE_ERRORS = (exceptions.StoreUnavailable(), exceptions.StoreUnusable())
SERVED_ERRORS = (HttpProblem("overloaded", what="requests"), *STORE_ERRORS)
READ_ERRORS = (errors.NotAllowed("orders:read"), exceptions.OrderNotFound(""), *SERVED_ERRORS)
LIST_ERRORS = (
    errors.NotAllowed("orders:read"),
    errors.InvalidCursor(),
    errors.UnsupportedFilter("cannot be combined with status: use one of them", "tag"),
    *SERVED_ERRORS,
)
EVENTS_ERRORS = (
    errors.NotAllowed("events:read"),
    errors.UnknownPosition(),
    errors.Overloaded("requests that wait for events"),
    *SERVED_ERRORS,
)
EVENT_ERRORS = (errors.NotAllowed("events:read"), errors.EventNotFound(), _INVALID_HEADER, *SERVED_ERRORS)
CURSOR_ERRORS = (errors.InvalidCursor(), *READ_ERRORS)
TAG_ERRORS = (_INVALID_HEADER, *READ_ERRORS)
VERSION_ERRORS = (exceptions.VersionNotFound("", "the order did not exist at this time"), *TAG_ERRORS)
DOCUMENT_ERRORS = (exceptions.DocumentNotFound(""), *TAG_ERRORS)
WRITE_ERRORS = (
    HttpProblem("malformed_json", error="is not JSON at line 1, column 12"),
    HttpProblem("request_too_slow", part="body", seconds=8),
    HttpProblem("body_too_large", limit=65_536),
    HttpProblem("unsupported_media_type"),
    _INVALID_FIELDS,
    HttpProblem("origin_not_listed"),
    errors.NotAllowed("orders:write"),
    _INVALID_HEADER,
    errors.IdempotencyKeyReused(),
    errors.Contention(12),
    exceptions.StoreMoved(),
    *SERVED_ERRORS,
)
_OF_ORDERS = (errors.NotAllowed, errors.IdempotencyKeyReused, errors.Contention)
PERSONAL_ERRORS = (
    exceptions.InvalidEmail("customer/email"),
    exceptions.InvalidCountry("shipping_address/country"),
)
PLACE_ERRORS = (
    *PERSONAL_ERRORS,
    exceptions.TotalMismatch(9900, 9950, "EUR"),
    exceptions.OrderTooLarge(MAX_TEXT_BYTES),
    exceptions.DiscountExceedsLine("must not exceed quantity times unit_price", "lines/0/discount"),
    exceptions.AmountOutOfRange(
        "is too large: quantity times unit_price plus tax must be below 10^15 minor units", "lines/0/unit_price"
    ),
    *WRITE_ERRORS,
)
WEBHOOK_READ_ERRORS = (errors.NotAllowed("webhooks:admin"), errors.WebhookNotFound(), *SERVED_ERRORS)
NEW_WEBHOOK_ERRORS = (
    *[each for each in WRITE_ERRORS if type(each) not in _OF_ORDERS],
    errors.NotAllowed("webhooks:admin"),
)
WEBHOOK_ERRORS = (*NEW_WEBHOOK_ERRORS, errors.WebhookNotFound())
COMMAND_ERRORS = (exceptions.OrderNotFound(""), exceptions.VersionMismatch(2, 3), *WRITE_ERRORS)
RECORD_ERRORS = (
    exceptions.UnknownLine("must be the ID of a line of the order: l1, l2", "lines/0/line"),
    exceptions.DuplicateLine("names an earlier line again: add up the quantities", "lines/1/line"),
    exceptions.InvalidTime("must be at most one hour in the future", "occurred_at"),
    TooManyRecords("processing", "payments", 200),
    *COMMAND_ERRORS,
)
"""Errors of commands that add a record to an order, and list units."""

RECEIPT_ERRORS = (
    exceptions.VersionNotFound("", "the order has no version 7"),
    errors.UnknownFormat("must be one of html, pdf", "format"),
    TooManyDocuments("pending", 100),
    *COMMAND_ERRORS,
)
ALWAYS = (
    errors.InvalidQuery("must be from 1 to 200", "limit"),
    HttpProblem("internal_error"),
    HttpProblem("host_not_allowed"),
)
"""Errors that every operation can respond with; those of authentication are added by `openapi.py`."""

RATE_LIMITED = (errors.TooManyRequests(3),)
AUTHENTICATION = (errors.NotAuthenticated(), errors.InvalidCredentials(), *RATE_LIMITED)

_MEANINGS = {
    400: "The request body is not valid JSON.",
    401: "Credentials are missing or invalid.",
    403: "The actor lacks the required scope, or the origin is not allowed.",
    404: "The order, version, document, event or webhook does not exist, or belongs to another customer.",
    408: "The request body did not arrive in time. Nothing was changed.",
    409: "Concurrent changes prevented this one. Nothing was changed; send the request again.",
    412: "The order or webhook is not at a version listed in `If-Match`. Nothing was changed.",
    413: "The request body is too large.",
    415: "The request body is not declared as JSON, or is compressed.",
    421: "The `Host` is not allowed: authentication is disabled, so only localhost is served.",
    422: "The request is invalid, or the order's status does not allow the command. Nothing was changed.",
    429: "Rate limit exceeded. Nothing was changed; retry after the time in `Retry-After`.",
    500: "Internal error.",
    503: "The service or its store is unavailable. Unless `code` is `overloaded`, the change may or may not have been "
    "made: retry with the same `Idempotency-Key`.",
}

Responses = dict[int | str, dict[str, Any]]
Change = Callable[[Order], None]

ORDER_HEADERS = ("ETag", "Idempotency-Replayed", "Unchanged", "Dry-Run")


def success(
    status: int, description: str, examples: dict[str, Any] | None = None, *, headers: Iterable[str] = (), **more: Any
) -> Responses:
    """Return the `responses` entry of a status that is no error: examples by the name of their schema, and headers."""
    entry: dict[str, Any] = {"description": description, "headers": _headers(headers), **more}
    if examples:
        entry["content"] = {
            "application/json": {"examples": {name: {"value": value} for name, value in examples.items()}}
        }
    return {status: entry}


def changed(*changes: Change) -> Responses:
    """Return the `responses` entry of a command: the example order after these changes."""
    example = _with_personal_data(msgspec.convert(order(), OrderDTO).to_order())
    for change in changes:
        change(example)
    described = {"Order": _decoded(example, 1 + len(changes))}
    return success(200, "The order after the change.", described, headers=ORDER_HEADERS)


def confirm(example: Order) -> None:
    """Confirm an example order."""
    example.confirm(at=AT)


def ship(example: Order) -> None:
    """Ship an example order."""
    example.ship(at=AT)


def deliver(example: Order) -> None:
    """Deliver an example order."""
    example.deliver(at=AT)


def failures(specific: Iterable[Exception] = (), common: Iterable[Exception] = ALWAYS) -> Responses:
    """Return the `responses` entries of errors: one for each status, with an example for each code."""
    responses: Responses = {}
    for error in (*specific, *common):
        problem = problem_of(error)
        status = problem.status
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        new: dict[str, Any] = {"description": _MEANINGS[status], "headers": {}, "content": {MEDIA_TYPE: content}}
        entry = responses.setdefault(status, new)
        entry["headers"] |= _headers(problem.headers or ())
        value = problem_document(problem, REQUEST_ID)
        entry["content"][MEDIA_TYPE]["examples"][problem.code] = {"summary": problem.title, "value": value}
    return responses


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
