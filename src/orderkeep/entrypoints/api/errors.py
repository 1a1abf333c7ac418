"""Which status each refusal answers with. Every error becomes a problem document, the framework's own included."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from orderkeep.application.errors import (
    ApiKeyNotFound,
    IdempotencyKeyReused,
    InvalidQuery,
    NotAllowed,
    NotAuthenticated,
    TooManyRequests,
)
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
from orderkeep.entrypoints.api.conditions import etag_of
from orderkeep.entrypoints.api.middleware import request_id_of
from orderkeep.entrypoints.api.problems import Detail, Refused, problem, refusal, summary
from orderkeep.entrypoints.field_errors import field_error_of

log = logging.getLogger("orderkeep.http")

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
"""The status for each class of exceptions and those below it; the nearest counts."""

METHODS = ("GET", "POST", "DELETE")
"""The methods that our routes have. HEAD is answered wherever GET is."""

RETRY_SECONDS = "1"

CHALLENGE = 'Bearer realm="orderkeep"'
"""How to show who asks (RFC 6750)."""


def answer_errors_with_problems(app: FastAPI) -> None:
    """Let the app answer each error with its problem document."""
    app.add_exception_handler(OrderkeepError, _answer_refusal_inside)
    app.add_exception_handler(Refused, _answer_refusal_at_the_door)
    app.add_exception_handler(HTTPException, _answer_framework_error)


def status_for(kind: type[BaseException]) -> HTTPStatus:
    """Return the status that an exception of this class is answered with."""
    return next(STATUSES[each] for each in kind.__mro__ if each in STATUSES)


def problem_of(error: OrderkeepError, request_id: str) -> Response:
    """Return the problem document of what was refused inside."""
    if isinstance(error, ServiceUnavailable):
        log.error("the store cannot answer", extra={"code": error.code, "reason": str(error)})
    detail, errors, headers = _said(error)
    return problem(
        status_for(type(error)),
        error.code,
        detail,
        request_id=request_id,
        title=error.title,
        errors=errors,
        headers=headers,
    )


async def _answer_refusal_inside(request: Request, error: Exception) -> Response:
    assert isinstance(error, OrderkeepError)  # noqa: S101  # as it was registered for
    return problem_of(error, request_id_of(request.scope))


def _said(error: OrderkeepError) -> tuple[str, list[Detail], dict[str, str]]:
    match error:
        case InvalidInput():
            found = field_error_of(error)
            errors = [Detail(found.code, found.message, pointer=found.pointer)]
            return summary(errors), errors, {}
        case InvalidQuery():
            errors = [Detail(error.code, str(error), parameter=error.parameter)]
            return summary(errors), errors, {}
        case VersionMismatch():
            detail = f"the order is at version {error.actual}, which If-Match does not name: read it, then decide"
            return detail, [], {"ETag": etag_of(error.actual)}
        case NotAuthenticated():
            reason = ', error="invalid_token"' if error.was_shown else ""
            return str(error), [], {"WWW-Authenticate": CHALLENGE + reason}
        case NotAllowed():
            reason = f', error="insufficient_scope", scope="{error.scope}"'
            return str(error), [], {"WWW-Authenticate": CHALLENGE + reason}
        case TooManyRequests():
            return str(error), [], {"Retry-After": str(error.retry_after)}
        case StoreUnusable():
            return "the store cannot answer until somebody mends it; the log has more under this request_id", [], {}
        case ServiceUnavailable():
            detail = "the store cannot answer now: try again, with the same Idempotency-Key"
            return detail, [], {"Retry-After": RETRY_SECONDS}
    return str(error), [], {}


async def _answer_refusal_at_the_door(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101  # as it was registered for
    return refusal(error, request_id_of(request.scope))


async def _answer_framework_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as it was registered for
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    detail = "there is nothing under this address"
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request)
        detail = f"this address takes {headers['Allow']}"
    code = status.name.lower()
    return problem(status, code, detail, request_id=request_id_of(request.scope), headers=headers)


def _allowed(request: Request) -> str:
    """Return the methods of all routes of this address; the framework names those of the first alone."""
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    routed = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    first = routed[0].path  # an address stands before a pattern that it fits: see `documents/receipt`
    found = {method for route in routed if route.path == first for method in route.methods or ()}
    return ", ".join([*(method for method in METHODS if method in found), *(["HEAD"] if "GET" in found else [])])
