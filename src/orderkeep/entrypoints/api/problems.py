"""Problem documents (RFC 9457): the form of every error response, and the status and title of each error code.

A use case raises an `OrderkeepError`; the HTTP layer itself raises `HttpProblem`, for requests that never reach a use
case.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from orderkeep.application.errors import (
    ApiKeyNotFound,
    AuthenticationUnavailable,
    IdempotencyKeyReused,
    InvalidQuery,
    NotAllowed,
    NotAuthenticated,
    TooManyRequests,
)
from orderkeep.application.strict_json import InvalidJSON
from orderkeep.domain.exceptions import (
    CommandRefused,
    Conflict,
    InvalidInput,
    OrderkeepError,
    OrderNotFound,
    ServiceUnavailable,
    StoreUnusable,
    VersionMismatch,
)
from orderkeep.entrypoints.field_errors import field_error_of

log = logging.getLogger("orderkeep.http")

TYPE_PREFIX = "urn:orderkeep:problem:"
"""Start of a problem's `type`, before its `code`. It is a name, not an address."""

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[OrderkeepError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidQuery: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    OrderNotFound: HTTPStatus.NOT_FOUND,
    ApiKeyNotFound: HTTPStatus.NOT_FOUND,
    CommandRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    VersionMismatch: HTTPStatus.PRECONDITION_FAILED,
    IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    Conflict: HTTPStatus.CONFLICT,
    ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    OrderkeepError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""HTTP status of each exception class and its subclasses; the most specific entry applies."""

TITLES = {
    "body_too_large": "Request body too large",
    "draining": "Service shutting down",
    "expectation_failed": "Unsupported expectation",
    "head_too_large": "Request headers too large",
    "host_not_allowed": "Host not allowed",
    "internal_error": "Internal error",
    "invalid_fields": "Invalid fields",
    "invalid_header": "Invalid header",
    "invalid_query": "Invalid query parameter",
    "malformed_json": "Malformed JSON",
    "malformed_request": "Malformed HTTP request",
    "method_not_allowed": "Method not allowed",
    "not_found": "Path not found",
    "origin_not_listed": "Origin not allowed",
    "overloaded": "Too many concurrent requests",
    "request_too_slow": "Request timeout",
    "target_too_long": "Request target too long",
    "transfer_coding_unknown": "Unsupported transfer coding",
    "unsupported_media_type": "Unsupported media type",
    "version_mismatch": "Version mismatch",
    "version_not_supported": "Unsupported HTTP version",
}
"""Titles of the problems that the HTTP layer raises itself. An `OrderkeepError` has its own."""

RETRY_SECONDS = "1"

CHALLENGE = 'Bearer realm="orderkeep"'
"""The authentication challenge of a 401 or 403 (RFC 6750)."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """One invalid part of a request: in the body (`pointer`, RFC 6901), a query parameter, or a header."""

    code: str
    message: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    limit: int | None = None

    def as_dict(self) -> dict[str, str | int]:
        """Return the entry in `errors` of the problem document."""
        names = ("pointer", "parameter", "header", "code", "message", "limit")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        return f"{self.pointer or self.parameter or self.header or 'the body'} {self.message}"


class HttpProblem(Exception):
    """A request that the HTTP layer rejects."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[Invalid] = (),
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers, self.limit = errors, headers, limit

    @classmethod
    def invalid(cls, code: str, errors: Sequence[Invalid]) -> HttpProblem:
        """Return the 422 problem of a request with invalid parts."""
        return cls(HTTPStatus.UNPROCESSABLE_ENTITY, code, _summary(errors), errors)

    @classmethod
    def overloaded(cls, what: str) -> HttpProblem:
        """Return the 503 problem of a request beyond the concurrency limit."""
        detail = f"too many concurrent {what}, nothing was done: retry after {RETRY_SECONDS} s"
        return cls(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, headers={"Retry-After": RETRY_SECONDS})


def internal_error() -> HttpProblem:
    """Return the 500 problem of an error in the code."""
    detail = "an internal error occurred: see the log for this request_id"
    return HttpProblem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)


def path_not_found(detail: str = "no route matches this path") -> HttpProblem:
    """Return the 404 problem of a path."""
    return HttpProblem(HTTPStatus.NOT_FOUND, "not_found", detail)


def malformed_json(error: InvalidJSON) -> HttpProblem:
    """Return the 400 problem of a body that is not strict JSON."""
    return HttpProblem(HTTPStatus.BAD_REQUEST, error.code, f"the body {error}", limit=error.limit)


def unsupported_media_type(detail: str, headers: Mapping[str, str] | None = None) -> HttpProblem:
    """Return the 415 problem of a body that is not declared as JSON, or is compressed."""
    return HttpProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail, headers=headers)


def body_too_large(limit: int) -> HttpProblem:
    """Return the 413 problem of a body of more than `limit` bytes."""
    detail, headers = f"the body must be at most {limit} bytes", {"Connection": "close"}
    return HttpProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail, headers=headers, limit=limit)


def request_too_slow(part: str, seconds: float) -> HttpProblem:
    """Return the 408 problem of a request whose head or body did not arrive in time."""
    detail = f"the {part} of the request was not complete after {seconds:.0f} s"
    return HttpProblem(HTTPStatus.REQUEST_TIMEOUT, "request_too_slow", detail)


def origin_not_listed() -> HttpProblem:
    """Return the 403 problem of a request from a web page of another origin."""
    detail = "this origin is not allowed: add it to ORDERKEEP_CORS_ORIGINS"
    return HttpProblem(HTTPStatus.FORBIDDEN, "origin_not_listed", detail)


def host_not_allowed() -> HttpProblem:
    """Return the 421 problem of a request for another host in local mode."""
    detail = "without authentication, Host must be localhost or a loopback address: "
    detail += "set ORDERKEEP_AUTH to accept other hosts"
    return HttpProblem(HTTPStatus.MISDIRECTED_REQUEST, "host_not_allowed", detail)


def draining() -> HttpProblem:
    """Return the 503 problem of a service that is about to stop."""
    detail, headers = "the service is shutting down: use another instance", {"Retry-After": RETRY_SECONDS}
    return HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, "draining", detail, headers=headers)


def status_of(kind: type[OrderkeepError]) -> HTTPStatus:
    """Return the HTTP status of an exception class."""
    return next(STATUSES[each] for each in kind.__mro__ if each in STATUSES)


def problem_of(error: Exception) -> HttpProblem:
    """Return the problem that an exception is reported as."""
    match error:
        case HttpProblem():
            return error
        case OrderkeepError():
            return _domain_problem(error)
        case HTTPException():
            status = HTTPStatus(error.status_code)
            if status is HTTPStatus.NOT_FOUND:
                return path_not_found()
            return HttpProblem(status, status.name.lower(), error.detail, headers=error.headers)
    return internal_error()


def problem_response(error: Exception, request_id: str | None) -> Response:
    """Return the problem document of an exception."""
    if isinstance(error, ServiceUnavailable):
        log.error("service unavailable", extra={"code": error.code, "reason": str(error)})
    problem = problem_of(error)
    document = problem_document(problem, request_id, title_of(error))
    return Response(msgspec.json.encode(document), problem.status, problem.headers, MEDIA_TYPE)


def problem_document(problem: HttpProblem, request_id: str | None, title: str) -> dict[str, Any]:
    """Return the fields of a problem document."""
    document = {
        "type": TYPE_PREFIX + problem.code,
        "title": title,
        "status": int(problem.status),
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.limit is not None:
        document["limit"] = problem.limit
    if problem.errors:
        document["errors"] = [error.as_dict() for error in problem.errors]
    return document


def title_of(error: Exception) -> str:
    """Return the title of a problem: the same for all with its code."""
    if isinstance(error, OrderkeepError):
        return error.title
    problem = problem_of(error)
    return TITLES.get(problem.code) or HTTPStatus(problem.status).phrase


def _domain_problem(error: OrderkeepError) -> HttpProblem:
    detail, errors, headers = str(error), list[Invalid](), dict[str, str]()
    match error:
        case InvalidInput():
            found = field_error_of(error)
            errors = [Invalid(found.code, found.message, pointer=found.pointer)]
            detail = _summary(errors)
        case InvalidQuery():
            errors = [Invalid(error.code, detail, parameter=error.parameter)]
            detail = _summary(errors)
        case VersionMismatch():
            detail = f"the order is at version {error.actual}, which If-Match does not list: "
            detail += "read the order and retry with its ETag"
            headers = {"ETag": f'"{error.actual}"'}
        case NotAuthenticated():
            headers = {"WWW-Authenticate": CHALLENGE + (', error="invalid_token"' if error.was_shown else "")}
        case NotAllowed():
            headers = {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'}
        case TooManyRequests():
            headers = {"Retry-After": str(error.retry_after)}
        case StoreUnusable():
            detail = "the store cannot be used until an operator fixes it: see the log for this request_id"
        case AuthenticationUnavailable():
            detail = "credentials cannot be verified at the moment, nothing was done: retry later"
            headers = {"Retry-After": RETRY_SECONDS}
        case ServiceUnavailable():
            detail = "the service is unavailable and the change may or may not have been made: "
            detail += "retry with the same Idempotency-Key"
            headers = {"Retry-After": RETRY_SECONDS}
    return HttpProblem(status_of(type(error)), error.code, detail, errors, headers)


def _summary(errors: Sequence[Invalid]) -> str:
    return str(errors[0]) if len(errors) == 1 else f"the request has {len(errors)} errors; see errors"
