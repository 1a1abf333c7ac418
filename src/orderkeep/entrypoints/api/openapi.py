"""The OpenAPI document: FastAPI's, with what all operations share: request IDs, common errors, security, header
descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from orderkeep.application.events import EVENT_TYPES
from orderkeep.application.use_cases.create_webhook import BEGINNING, NOW
from orderkeep.application.webhooks.subscriptions import WebhookStatus
from orderkeep.domain.payments import PaymentKind
from orderkeep.entrypoints.api.authentication import OPEN_PATHS
from orderkeep.entrypoints.api.examples import AUTHENTICATION, ORDER_ID, RATE_LIMITED, REQUEST_ID, failures
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.schemas import not_null, with_integers

DESCRIPTION = """\
The orderkeep API places, tracks and manages orders. It records payments, refunds and shipments, and leaves their
execution to payment providers and carriers. The product catalogue and prices are outside its scope.

- **Authentication**: send `Authorization: Bearer` with an API key or an access token. A service without authentication
  accepts requests from its own machine only. Customers can access only their own orders; staff need a scope.
- **Amounts** are integers in minor units of the order's currency: `9900` with `EUR` is 99.00 EUR, `99` with `JPY` is
  99 yen. `9900.0` is accepted as `9900`; a number with other decimal places or an exponent, such as `99.00`, is
  rejected.
- **Times** are RFC 3339. Requests must include an offset; responses are in UTC.
- **Idempotency**: send an `Idempotency-Key` with every write to retry it safely. A repeated request returns the
  original response with `Idempotency-Replayed: true`. A command that finds the order as requested writes nothing:
  `Unchanged: true`.
- **Optimistic concurrency**: send the `ETag` of the order you read in `If-Match`. If the order has changed since, the
  response is 412.
- **Dry runs**: add `dry_run=true` to any write to see its result without changing anything. The response has the status
  and body of the real one, and `Dry-Run: true`.
- **Webhooks** are created, changed and deleted without idempotency keys and dry runs.
- **Pagination**: lists return `next_cursor`; pass it as `cursor` to get the next page.
- **Errors** are problem documents (RFC 9457). Use `code` in programs; it is stable. `detail` is for people. `errors`
  lists all invalid fields at once.
- Unknown fields and query parameters are rejected.
"""

TAGS = [
    {"name": "orders", "description": "Place, read and list orders, change their status, and look up the lifecycle."},
    {"name": "shipments", "description": "Ship an order in parts, and track and deliver its shipments."},
    {"name": "payments", "description": "Record payments and refunds."},
    {"name": "returns", "description": "Request, receive, reject and cancel returns."},
    {"name": "notes", "description": "Add and edit notes on an order."},
    {"name": "documents", "description": "Issue receipts, and list and download the documents of an order."},
    {"name": "events", "description": "Read the events of all orders, without a gap."},
    {"name": "webhooks", "description": "Subscribe URLs to the events of orders, and watch and repeat deliveries."},
    {"name": "statistics", "description": "Numbers and values of orders by period, and what is open now."},
    {"name": "operations", "description": "Health checks and metrics."},
]

REQUEST_ID_PARAMETER = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": "Request ID for correlation: up to 64 characters of `A-Z a-z 0-9 . _ -`. Returned in the response, "
    "logged, and stored in the order's history. Generated if missing or invalid.",
    "schema": {"type": "string", "examples": [REQUEST_ID]},
}


def _header(description: str, example: object, **schema: object) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", **schema}, "example": example}


RESPONSE_HEADERS = {
    "ETag": _header("Entity tag: the order's version or the document's ID, in quotes.", '"1"'),
    "Content-Disposition": _header(
        "`attachment`, with the suggested file name.", f'attachment; filename="receipt-{ORDER_ID}-v1.html"'
    ),
    "Location": _header(
        "URL of the new order or document. With 307: a download link that anyone can use for 5 minutes; "
        "do not store or log it.",
        f"/orders/{ORDER_ID}",
        format="uri-reference",
    ),
    "Link": _header(
        'Next page, as `rel="next"` (RFC 8288). Omitted on the last page.',
        '</orders?status=pending&cursor=WyI5ZjJjIl0>; rel="next"',
    ),
    "Idempotency-Replayed": _header(
        "`true` if this is the original response to an earlier request with the same `Idempotency-Key`.",
        "true",
        enum=["true"],
    ),
    "Unchanged": _header(
        "`true` if the order already was as requested: nothing was written, and the `Idempotency-Key` was not stored.",
        "true",
        enum=["true"],
    ),
    "Dry-Run": _header(
        "`true` if nothing was changed: the response shows the result that the request would have. `ETag` and "
        "`Location` are omitted.",
        "true",
        enum=["true"],
    ),
    "Retry-After": _header("Number of seconds to wait before a retry.", 1, type="integer"),
    "WWW-Authenticate": _header("Bearer authentication challenge (RFC 6750).", 'Bearer realm="orderkeep"'),
    "X-Request-Id": _header("Request ID, as received or generated.", REQUEST_ID),
}

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`ok_…`), or an access token from the configured OpenID provider.",
    }
}


def _describe_problem(schema: dict[str, Any]) -> None:
    """Describe members that are omitted rather than null."""
    for name, described in schema["properties"].items():
        schema["properties"][name] = {key: value for key, value in not_null(described).items() if key != "default"}


NAMES: dict[tuple[str, ...], str] = {
    ("customer", "staff", "system"): "ActorKind",
    tuple(EVENT_TYPES): "EventType",
    ("delivered", "failed"): "DeliveryState",
    ("alive", "ready"): "HealthStatus",
    ("internal", "customer"): "NoteVisibility",
    tuple(PaymentKind): "PaymentKind",
    ("html", "pdf"): "ReceiptFormat",
    ("succeeded", "failed"): "RefundResult",
    ("hour", "day", "week", "month"): "StatisticsInterval",
    (NOW, BEGINNING): "WebhookStart",
    tuple(WebhookStatus): "WebhookStatus",
}
"""Names of enumerations, by their values. Generators would name each one after the places where it is used."""


class ProblemDetail(BaseModel, json_schema_extra=_describe_problem):
    """One error, with its place: one of `pointer`, `parameter` and `header`."""

    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) into the body; empty for the whole body.")
    parameter: str | None = Field(None, description="Name of the query parameter.")
    header: str | None = Field(None, description="Name of the header.")
    code: str = Field(description="Stable error code.")
    message: str = Field(description="Explanation. Never contains the rejected value.")
    limit: int | None = Field(None, description="Maximum number of items.")


class Problem(BaseModel, json_schema_extra=_describe_problem):
    """Error (RFC 9457)."""

    type: str = Field(description="`urn:orderkeep:problem:` and the code.", json_schema_extra={"format": "uri"})
    title: str = Field(description="Short summary of the problem type.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="Explanation of this occurrence.")
    code: str = Field(description="Stable error code.")
    request_id: str = Field(description="`X-Request-Id` of this response.")
    limit: int | None = Field(None, description="Limit that was exceeded.")
    errors: tuple[ProblemDetail, ...] | None = Field(None, description="All invalid fields, parameters and headers.")
    expected: int | None = Field(
        None, description="Of a `total_mismatch`: the total, or its minimum, in minor units. Can be negative."
    )
    given: int | None = Field(None, description="The total or the amount of the request, in minor units.")
    difference: int | None = Field(None, description="Of a `total_mismatch`: `given` less `expected`, in minor units.")
    currency: str | None = Field(None, description="Currency of the following amounts.")
    record: str | None = Field(None, description="Of `recorded_differently`: `payment` or `refund`.")
    recorded: int | None = Field(None, description="Of `recorded_differently`: the recorded amount, in minor units.")
    amount: int | None = Field(None, description="Of `refund_exceeds_payments`: the refund, in minor units.")
    available: int | None = Field(
        None, description="Of `refund_exceeds_payments`: what is left to be refunded, in minor units. Can be negative."
    )
    command: str | None = Field(None, description="Of `payment_required`: the command, such as `ship`.")
    requirement: str | None = Field(None, description="Of `payment_required`: `authorized` or `paid`.")
    covered: int | None = Field(None, description="Of `payment_required`: the payments so far, in minor units.")
    due: int | None = Field(None, description="Of `payment_required`: the payments that it needs, in minor units.")


def openapi_document(
    app: FastAPI, routes: Iterable[CompiledRoute], root_path: str, *, authenticated: bool
) -> dict[str, Any]:
    """Return the OpenAPI document of an application, which is `authenticated` or serves its own machine only."""
    document = get_openapi(
        title="orderkeep",
        version=version("orderkeep"),
        openapi_version="3.1.0",
        summary="Order management API",
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": root_path or "/", "description": "This service."}],
        contact={"name": "The orderkeep contributors"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    for route in routes:
        for method in route.methods if route.include_in_schema else []:
            _complete(document["paths"][route.path_format][method.lower()], route, authenticated=authenticated)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    document["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
    document["components"]["headers"] = RESPONSE_HEADERS
    if authenticated:
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        document["security"] = [{"bearer": []}]
    document["components"] = with_integers(document["components"])  # FastAPI makes the bounds of integers floats
    schemas = document["components"]["schemas"]
    _name_schemas([document["paths"], *(schema.get("properties") for schema in schemas.values())], schemas)
    return document


def _name_schemas(value: Any, schemas: dict[str, Any]) -> None:
    """Replace enumerations and metadata, wherever they are defined, by references to named schemas."""
    if isinstance(value, list):
        for each in value:
            _name_schemas(each, schemas)
    elif isinstance(value, dict):
        for key, each in list(value.items()):
            if key not in ("example", "examples"):
                _name_schemas(each, schemas)
        if name := _name_of(value):
            texts = {key: value.pop(key) for key in ("title", "description", "examples") if key in value}
            schemas[name] = {**value, "title": name}
            value.clear()
            value |= {"$ref": f"#/components/schemas/{name}", **texts}


def _name_of(schema: dict[str, Any]) -> str | None:
    if "propertyNames" in schema:
        return "Metadata" if schema["additionalProperties"].get("type") == "string" else "MetadataChanges"
    return NAMES.get(tuple(schema["enum"])) if isinstance(schema.get("enum"), list) else None


def _complete(operation: dict[str, Any], route: CompiledRoute, *, authenticated: bool) -> None:
    """Add the request ID and the errors of authentication, and restore the examples: FastAPI drops null from them."""
    for status, declared in route.responses.items():
        for media_type, content in declared.get("content", {}).items():
            operation["responses"][str(status)]["content"][media_type] |= content
    operation["parameters"] = [*map(_as_sent, operation.get("parameters", [])), REQUEST_ID_PARAMETER]
    if route.path in OPEN_PATHS:
        operation |= {"security": []} if authenticated else {}
    further = failures(common=RATE_LIMITED if route.path in OPEN_PATHS else AUTHENTICATION)
    operation["responses"] |= {str(status): entry for status, entry in further.items()}
    for response in operation["responses"].values():
        request_id = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
        response["headers"] = {**response.get("headers", {}), **request_id}


def _as_sent(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter whose schema does not allow null: it can be omitted, but there is no way to write null. A list
    is sent by repeating the parameter.
    """
    schema = parameter["schema"]
    if schema.get("type") == "array":
        return {**parameter, "style": "form", "explode": True}
    return {**parameter, "schema": not_null(schema)}
