"""Problem documents (RFC 9457): the form of every error response, and the status and title of each error code.

A use case raises an `OrderkeepError`; the HTTP layer itself raises `HttpProblem`, for requests that never reach a use
case.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from orderkeep.application import errors
from orderkeep.domain import exceptions
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.domain.lifecycle import CommandRejected
from orderkeep.entrypoints.field_errors import FieldError, field_error_of

log = logging.getLogger("orderkeep.http")

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[OrderkeepError], int] = {
    exceptions.InvalidInput: 422,
    errors.InvalidQuery: 422,
    errors.NotAuthenticated: 401,
    errors.InvalidCredentials: 401,
    errors.NotAllowed: 403,
    errors.TooManyRequests: 429,
    errors.Overloaded: 503,
    exceptions.OrderNotFound: 404,
    errors.ApiKeyNotFound: 404,
    errors.EventNotFound: 404,
    errors.WebhookNotFound: 404,
    errors.AmbiguousOrder: 409,
    CommandRejected: 422,
    exceptions.VersionMismatch: 412,
    errors.IdempotencyKeyReused: 422,
    exceptions.Conflict: 409,
    exceptions.ServiceUnavailable: 503,
    OrderkeepError: 500,
}
"""HTTP status of each exception class and its subclasses; the most specific entry applies."""

PROBLEMS: dict[str, tuple[int, str, str]] = {
    "body_too_large": (413, "Request body too large", "the body must be at most {limit} bytes"),
    "draining": (503, "Service shutting down", "the service is shutting down: use another instance"),
    "expectation_failed": (417, "Unsupported expectation", "the only supported expectation is 100-continue"),
    "head_too_large": (
        431,
        "Request headers too large",
        "at most {n} headers, of {limit} bytes together, are accepted",
    ),
    "host_not_allowed": (
        421,
        "Host not allowed",
        (
            "without authentication, Host must be localhost or a loopback address: "
            "set ORDERKEEP_AUTH to accept other hosts"
        ),
    ),
    "internal_error": (500, "Internal error", "an internal error occurred: see the log for this request_id"),
    "invalid_fields": (422, "Invalid fields", ""),
    "invalid_header": (422, "Invalid header", ""),
    "invalid_query": (422, "Invalid query parameter", "a request can have at most {limit} query parameters"),
    "malformed_json": (400, "Malformed JSON", "the body {error}"),
    "malformed_request": (400, "Malformed HTTP request", "this is not valid HTTP/1.1: {error}"),
    "method_not_allowed": (405, "Method not allowed", "this path accepts {allowed}"),
    "not_found": (404, "Path not found", "no route matches this path: see /docs for the API"),
    "origin_not_listed": (403, "Origin not allowed", "this origin is not allowed: add it to ORDERKEEP_CORS_ORIGINS"),
    "overloaded": (
        503,
        "Too many concurrent requests",
        "too many concurrent {what}, nothing was done: retry after 1 s",
    ),
    "request_too_slow": (408, "Request timeout", "the {part} of the request was not complete after {seconds:.0f} s"),
    "stream_not_supported": (
        501,
        "Stream not supported",
        "this service limits the time of each request and keeps no stream open: use GET /events",
    ),
    "target_too_long": (414, "Request target too long", "the request target must be at most {limit} bytes"),
    "transfer_coding_unknown": (501, "Unsupported transfer coding", "the only supported transfer coding is chunked"),
    "unsupported_media_type": (
        415,
        "Unsupported media type",
        "the body must be JSON in UTF-8: set Content-Type: application/json",
    ),
    "version_not_supported": (505, "Unsupported HTTP version", "only HTTP/1.1 and HTTP/1.0 are supported"),
}
"""Status, title and usual detail of the problems that the HTTP layer raises itself. An `OrderkeepError` has its own."""

RETRY_SECONDS = "1"

NO_VERSION, WEAK_TAG = 0, -1
"""Versions that no order has, because they count from 1: of an unknown and of a weak entity tag in `If-Match`."""

CHALLENGE = 'Bearer realm="orderkeep"'
"""The authentication challenge of a 401 or 403 (RFC 6750)."""


class HttpProblem(Exception):
    """A request that the HTTP layer rejects. By default, status, title and detail are those of `code` in `PROBLEMS`;
    `limit` and `values` complete the detail. `members` are further members of the problem document.
    """

    def __init__(
        self, code: str, detail: str | None = None, *, status: int | None = None, title: str = "",
        errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None, limit: int | None = None,
        members: Mapping[str, int | str] | None = None, **values: object,
    ) -> None:  # fmt: skip
        if status is None:
            status, title, _ = PROBLEMS[code]
            detail = PROBLEMS[code][2].format(limit=limit, **values) if detail is None else detail
            if status == 503:
                headers = {"Retry-After": RETRY_SECONDS}
        if errors:
            detail = str(errors[0]) if len(errors) == 1 else f"the request has {len(errors)} errors; see errors"
        super().__init__(detail)
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.errors, self.headers = errors, headers
        self.members = members or ({} if limit is None else {"limit": limit})


_NOT_LISTED = "which If-Match does not list: read it and retry with its ETag"
_WEAK = "and If-Match has a weak entity tag, which never matches: remove W/, and disable compression in proxies"


_UNAVAILABLE = "the service is unavailable: retry"
_OF_READS: dict[type[Exception], str] = {
    exceptions.OrderNotFound: "Order not found: no order has this ID; find it by your own number with "
    "GET /orders?external_ref=",
    exceptions.StoreUnavailable: _UNAVAILABLE,
    errors.RequestTimedOut: _UNAVAILABLE,
}
"""Details of errors of requests that change nothing: they have no outcome that is unknown."""


_OF_WRITES: dict[type[Exception], str] = {
    exceptions.StoreUnusable: "the store cannot be used until an operator fixes it: see the log for this request_id",
    exceptions.StoreMoved: "the orders are being moved to another store, and nothing was changed: retry with the same "
    "Idempotency-Key",
    errors.AuthenticationUnavailable: "credentials cannot be verified at the moment, nothing was done: retry later",
    exceptions.ServiceUnavailable: "the service is unavailable and the change may or may not have been made: retry "
    "with the same Idempotency-Key",
}
"""Details of errors of a service that is unavailable, with those of its subclasses."""


def status_of(kind: type[OrderkeepError]) -> int:
    """Return the HTTP status of an exception class."""
    return next(STATUSES[each] for each in kind.__mro__ if each in STATUSES)


def problem_of(error: Exception) -> HttpProblem:
    """Return the problem that an exception is reported as."""
    match error:
        case HttpProblem():
            return error
        case OrderkeepError():
            return _domain_problem(error)
        case HTTPException(status_code=404, detail="Not Found"):  # the router's
            return HttpProblem("not_found")
        case HTTPException(status_code=status):
            known = status in {*HTTPStatus}
            name, title = (HTTPStatus(status).name, HTTPStatus(status).phrase) if known else (f"http_{status}", "Error")
            return HttpProblem(
                name.lower(), error.detail, status=status, title=title.capitalize(), headers=error.headers
            )
    return HttpProblem("internal_error")


def problem_response(error: Exception, request_id: str, *, is_read: bool = False) -> Response:
    """Return the problem document of an exception. `is_read` says that the request cannot change anything."""
    if isinstance(error, exceptions.ServiceUnavailable):
        log.error("service unavailable", extra={"code": error.code, "reason": str(error)})
    problem = problem_of(error)
    if is_read and type(error) in _OF_READS:
        problem.detail = _OF_READS[type(error)]
    content = msgspec.json.encode(problem_document(problem, request_id))
    return Response(content, problem.status, problem.headers, MEDIA_TYPE)


def problem_document(problem: HttpProblem, request_id: str) -> dict[str, Any]:
    """Return the fields of a problem document."""
    document: dict[str, Any] = {
        "type": f"urn:orderkeep:problem:{problem.code}",  # a name, not an address
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    }
    document |= problem.members
    if problem.errors:
        document["errors"] = [each.as_dict() for each in problem.errors]
    return document


def _domain_problem(error: OrderkeepError) -> HttpProblem:
    detail, invalid, headers = str(error), list[FieldError](), dict[str, str]()
    match error:
        case exceptions.InvalidInput():
            invalid = [field_error_of(error)]
        case errors.InvalidQuery():
            code = "invalid_parameter" if type(error) is errors.InvalidQuery else error.code
            invalid = [FieldError(code, detail, parameter=error.parameter)]
        case exceptions.VersionMismatch():
            reason = _WEAK if error.expected == WEAK_TAG else _NOT_LISTED
            detail = f"the {error.subject} is at version {error.actual}, {reason}"
            headers = {"ETag": f'"{error.actual}"'}
        case errors.NotAuthenticated() | errors.InvalidCredentials():
            was_sent = isinstance(error, errors.InvalidCredentials)
            headers = {"WWW-Authenticate": CHALLENGE + (', error="invalid_token"' if was_sent else "")}
        case errors.NotAllowed():
            headers = {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'}
        case errors.TooManyRequests() | errors.Overloaded():
            headers = {"Retry-After": str(error.retry_after)}
        case exceptions.ServiceUnavailable():
            detail = next(_OF_WRITES[each] for each in type(error).__mro__ if each in _OF_WRITES)
            headers = {} if isinstance(error, exceptions.StoreUnusable) else {"Retry-After": RETRY_SECONDS}
    problem = HttpProblem(
        error.code, detail, status=status_of(type(error)), title=error.title, errors=invalid, headers=headers,
        members=error.facts,
    )  # fmt: skip
    if error.field and not invalid:  # the message is a sentence of its own, not about the field
        problem.errors = [field_error_of(error)]
    return problem
