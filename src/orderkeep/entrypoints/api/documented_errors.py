"""The errors that operations can answer with, as their documentation has them: an example of each, by its code."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from orderkeep.application import errors
from orderkeep.domain import exceptions
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api.errors import status_for
from orderkeep.entrypoints.api.examples import REQUEST_ID
from orderkeep.entrypoints.api.problems import MEDIA_TYPE, TYPE_PREFIX

_KINDS: dict[str, type[OrderkeepError]] = {
    kind.code: kind
    for kind in (vars(errors) | vars(exceptions)).values()
    if isinstance(kind, type) and issubclass(kind, OrderkeepError)
}

_AT_THE_DOOR: dict[str, tuple[HTTPStatus, str]] = {
    "malformed_json": (HTTPStatus.BAD_REQUEST, "the body is not JSON at line 1, column 12"),
    "body_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body must be at most 65536 bytes"),
    "host_not_allowed": (
        HTTPStatus.MISDIRECTED_REQUEST,
        "without authentication this service answers as localhost or 127.0.0.1 only: set ORDERKEEP_AUTH",
    ),
    "origin_not_listed": (
        HTTPStatus.FORBIDDEN, "no page of another origin may change orders: list it in ORDERKEEP_CORS_ORIGINS",
    ),
    "request_too_slow": (HTTPStatus.REQUEST_TIMEOUT, "the body was not here after 8 s"),
    "unsupported_media_type": (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be JSON: Content-Type: application/json",
    ),
    "invalid_fields": (HTTPStatus.UNPROCESSABLE_ENTITY, "2 things are wrong; errors says where and what"),
    "invalid_header": (
        HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency-Key: must be one key of 1 to 255 printable ASCII characters",
    ),
    "overloaded": (HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once: nothing was done, try again"),
    "draining": (HTTPStatus.SERVICE_UNAVAILABLE, "the service is about to end"),
    "internal_error": (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "something is wrong with the service, not with the request; the log has more under this request_id",
    ),
}  # fmt: skip

_DETAILS = {
    "total_mismatch": "/total: total must equal lines + shipping + tax - discount: expected 9900, got 9950, "
    "difference +50 (minor units of EUR)",
    "discount_exceeds_line": "/lines/0/discount: must not exceed quantity times unit_price",
    "amount_out_of_range": "/lines/0/unit_price: is too large: quantity times unit_price plus tax must be below 10^15 "
    "minor units",
    "invalid_query": "limit: must be from 1 to 200",
    "invalid_cursor": "cursor: is not valid for this list and these filters: use the next_cursor of the previous page, "
    "or omit it",
    "unsupported_filter": "tag: cannot be used together with status: filter by one of them",
    "not_authenticated": "the credentials are not valid: use an active API key or an unexpired access token",
    "too_many_requests": "rate limit exceeded: retry after 3 s",
    "not_allowed": "this operation requires the scope orders:ship",
    "order_not_found": "Order not found",
    "version_not_found": "the order did not exist at this time",
    "document_not_found": "the order has no document with this ID",
    "unknown_format": "/format: must be one of html, pdf",
    "too_many_documents": "the order already has 100 documents, the maximum",
    "version_mismatch": "the order is at version 3, which If-Match does not name: read it, then decide",
    "idempotency_key_reused": "this idempotency key was used for a different request: use a new key",
    "contention": "other writers changed the order 12 times in a row: send the request again",
    "store_unavailable": "the store cannot answer now: try again, with the same Idempotency-Key",
    "store_unusable": "the store cannot answer until somebody mends it; the log has more under this request_id",
    "cannot_confirm_order": "Order cannot be confirmed: it is cancelled",
    "cannot_ship_order": "Order cannot be shipped: it is pending",
    "cannot_deliver_order": "Order cannot be delivered: it is processing",
    "cannot_cancel_order": "Order cannot be cancelled: it is shipped",
}

_ERRORS: dict[str, list[dict[str, str]]] = {
    "invalid_fields": [
        {"pointer": "/user_id", "code": "field_missing", "message": "must be given"},
        {
            "pointer": "/lines/0/quantity",
            "code": "quantity_out_of_range",
            "message": "must be a whole number from 1 to 1000000",
        },
    ],
    "total_mismatch": [{"pointer": "/total"}],
    "discount_exceeds_line": [{"pointer": "/lines/0/discount"}],
    "amount_out_of_range": [{"pointer": "/lines/0/unit_price"}],
    "unknown_format": [{"pointer": "/format"}],
    "invalid_query": [{"parameter": "limit"}],
    "invalid_cursor": [{"parameter": "cursor"}],
    "unsupported_filter": [{"parameter": "tag"}],
    "invalid_header": [{"header": "Idempotency-Key"}],
}

_LIMITS = {"body_too_large": 65_536}

_MEANING = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON, or not JSON that all programs read in the same way.",
    HTTPStatus.UNAUTHORIZED: "Who asks has not shown who they are.",
    HTTPStatus.FORBIDDEN: "Who asks may not do this. Nothing was looked up.",
    HTTPStatus.MISDIRECTED_REQUEST: "Nobody need show who they are here, so that this machine alone may ask.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much was asked in too short a time. Nothing was done.",
    HTTPStatus.NOT_FOUND: "There is no such order, or nothing of it that is called so.",
    HTTPStatus.CONFLICT: "Others changed the order at the same moment, again and again. Nothing was written.",
    HTTPStatus.PRECONDITION_FAILED: "The order is not at a version that `If-Match` names. Nothing was written.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time. Nothing was done.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as JSON.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is understood, and refused. Nothing was written.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the service.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The service or its store cannot answer now. A change may or may not have been "
    "made, unless `code` is `overloaded`: try again, with the same `Idempotency-Key`.",
}

_HEADERS = {
    HTTPStatus.PRECONDITION_FAILED: "ETag",
    HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After",
    HTTPStatus.TOO_MANY_REQUESTS: "Retry-After",
    HTTPStatus.UNAUTHORIZED: "WWW-Authenticate",
    HTTPStatus.FORBIDDEN: "WWW-Authenticate",
}


def documented_errors(codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the OpenAPI responses for errors with these codes, one for each status."""
    responses: dict[str, dict[str, Any]] = {}
    for code in codes:
        example = problem_example(code)
        status = HTTPStatus(example["status"])
        answer = str(int(status))
        examples = {code: {"summary": example["title"], "value": example}}
        if answer in responses:
            responses[answer]["content"][MEDIA_TYPE]["examples"] |= examples
            continue
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}
        names = ["X-Request-Id", *([_HEADERS[status]] if status in _HEADERS else [])]
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        responses[answer] = {"description": _MEANING[status], "content": content, "headers": headers}
    return responses


def problem_example(code: str) -> dict[str, Any]:
    """Return a problem document with that code."""
    if code in _AT_THE_DOOR:
        status, detail = _AT_THE_DOOR[code]
        title = status.phrase
    else:
        status, detail, title = status_for(_KINDS[code]), _DETAILS[code], _KINDS[code].title
    example: dict[str, Any] = {
        "type": TYPE_PREFIX + code,
        "title": title,
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": REQUEST_ID,
    }
    if code in _LIMITS:
        example["limit"] = _LIMITS[code]
    if code in _ERRORS:
        said = {"code": code, "message": detail.partition(": ")[2]}
        example["errors"] = [{**said, **error} for error in _ERRORS[code]]
    return example
