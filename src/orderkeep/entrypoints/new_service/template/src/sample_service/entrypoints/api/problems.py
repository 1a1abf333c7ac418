"""Problem documents (RFC 9457): the form of every error response, and the HTTP status of each exception."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from sample_service.application.errors import InvalidQuery
from sample_service.domain import exceptions
from sample_service.domain.exceptions import SampleServiceError
from sample_service.domain.lifecycle import CommandRejected

log = logging.getLogger("sample_service.http")

MEDIA_TYPE = "application/problem+json"

MAX_BODY_BYTES = 65_536
"""The longest body of a request."""

STATUSES: dict[type[SampleServiceError], int] = {
    exceptions.InvalidInput: 422,
    InvalidQuery: 422,
    exceptions.SampleItemNotFound: 404,
    CommandRejected: 422,
    exceptions.VersionMismatch: 412,
    exceptions.Conflict: 409,
    exceptions.StoreUnavailable: 503,
    SampleServiceError: 500,
}
"""HTTP status of each exception class and its subclasses; the most specific entry applies."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid part of a request: its place, such as `body/name` or `query/limit`, and the rule that it breaks."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field} {self.message}"


class InvalidHeader(Exception):
    """A header of the request is invalid."""

    def __init__(self, header: str, message: str) -> None:
        super().__init__(f"{header} {message}")
        self.error = FieldError(f"header/{header}", message)


class Problem(BaseModel):
    """A problem document, as the OpenAPI document describes it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {}}}
    for status in (403, 404, 409, 412, 413, 422, 503)
}
"""The error responses of a route, for its `responses`."""


def status_of(kind: type[SampleServiceError]) -> int:
    """Return the HTTP status of an exception class."""
    return next(STATUSES[each] for each in kind.__mro__ if each in STATUSES)


def add_problem_handlers(app: FastAPI) -> None:
    """Make the application respond with a problem document to every exception."""

    @app.exception_handler(SampleServiceError)
    async def of_service(_: Request, error: SampleServiceError) -> JSONResponse:
        errors = []
        match error:
            case exceptions.InvalidInput():
                errors = [FieldError(f"body/{error.field}", str(error))]
            case InvalidQuery():
                errors = [FieldError(f"query/{error.parameter}", str(error))]
            case exceptions.StoreUnavailable():
                log.error("store unavailable: %s", error)
                message = "the service is unavailable and the change may or may not have been made: "
                message += "retry with the same Idempotency-Key"
                return _problem(503, error.code, error.title, message, headers={"Retry-After": "1"})
        return _problem(status_of(type(error)), error.code, error.title, str(error), errors)

    @app.exception_handler(InvalidHeader)
    async def of_header(_: Request, error: InvalidHeader) -> JSONResponse:
        return _problem(422, "invalid_header", "Invalid header", str(error), [error.error])

    @app.exception_handler(RequestValidationError)
    async def of_validation(_: Request, error: RequestValidationError) -> JSONResponse:
        return _problem(422, "invalid_request", "Invalid request", "", [_field_error(each) for each in error.errors()])

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: HTTPException) -> JSONResponse:
        return _http_problem(error)

    @app.exception_handler(Exception)
    async def of_bug(_: Request, __: Exception) -> JSONResponse:  # the server logs the exception
        return _problem(500, "internal_error", "Internal error", "an internal error occurred: see the log")


def _http_problem(error: HTTPException) -> JSONResponse:
    if error.status_code == 413:
        message = f"the body must have at most {MAX_BODY_BYTES} bytes"
        return _problem(413, "body_too_large", "Request body too large", message, headers=error.headers)
    known = HTTPStatus(error.status_code)
    detail = str(error.detail)
    if isinstance(error.__cause__, (UnicodeDecodeError, RecursionError)):  # of a body that cannot be read
        detail += f": {error.__cause__}"
    return _problem(known, known.name.lower(), known.phrase, detail, headers=error.headers)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    if error["type"] == "json_invalid":
        return FieldError("body", f"is not valid JSON: {error['ctx']['error']}, at character {error['loc'][1] + 1}")
    return FieldError("/".join(map(str, error["loc"])), f"is invalid: {error['msg']}")


def _problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    if errors:
        detail = str(errors[0]) if len(errors) == 1 else f"the request has {len(errors)} errors; see errors"
    document: dict[str, Any] = {
        "type": f"urn:sample-service:problem:{code}",  # a name, not an address
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        document["errors"] = [asdict(each) for each in errors]
    return JSONResponse(document, status, dict(headers or {}), MEDIA_TYPE)
