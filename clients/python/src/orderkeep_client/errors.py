"""Errors. Those of the service have one class for each code, in `generated/problems.py`."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import httpx

from orderkeep_client.generated.models import Problem, ProblemDetail

PROBLEM = "application/problem+json"


class OrderkeepError(Exception):
    """Base of all errors of this package."""


class ConnectionFailed(OrderkeepError):
    """No response: the service cannot be reached, or the connection was lost or timed out. If it was a write, it is
    not known whether it was done: repeat it with the same idempotency key, `idempotency_key`.
    """

    def __init__(self, request: httpx.Request, cause: httpx.TransportError) -> None:
        super().__init__(f"{request.method} {request.url}: {cause or type(cause).__name__}")
        self.idempotency_key = request.headers.get("Idempotency-Key")


class NotModified(OrderkeepError):
    """The resource has the entity tag that `if_none_match` names."""


class ServiceError(OrderkeepError):
    """An error response. `problem` is the whole problem document; `errors` lists all invalid fields. A response of a
    proxy, which is no problem document, has the code `http_` and its status.
    """

    code: str
    codes: ClassVar[dict[str, type["ServiceError"]]] = {}

    def __init__(self, problem: Problem, request: httpx.Request) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}")
        self.problem = problem
        self.status, self.code, self.title, self.detail = problem.status, problem.code, problem.title, problem.detail
        self.errors: Sequence[ProblemDetail] = problem.errors or ()
        self.request_id = problem.request_id
        self.idempotency_key = request.headers.get("Idempotency-Key")

    def __init_subclass__(cls) -> None:
        ServiceError.codes[cls.code] = cls


def error_of(response: httpx.Response) -> OrderkeepError:
    """Return the error of a response that is no success."""
    if response.status_code == httpx.codes.NOT_MODIFIED:
        return NotModified(f"{response.url} has not changed")
    problem = Problem.from_dict(problem_of(response))
    return ServiceError.codes.get(problem.code, ServiceError)(problem, response.request)


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document of a response, or one like it."""
    if response.headers.get("Content-Type", "").partition(";")[0] == PROBLEM:
        document: dict[str, Any] = response.json()
        return document
    return {
        "type": "about:blank",
        "title": response.reason_phrase,
        "status": response.status_code,
        "detail": response.reason_phrase,
        "code": f"http_{response.status_code}",
        "request_id": response.headers.get("X-Request-Id", ""),
    }


class Versioned(Protocol):
    """An order or a webhook."""

    version: int


def etag_of(resource: Versioned) -> str:
    """Return the entity tag of an order or a webhook, to pass as `if_match`."""
    return f'"{resource.version}"'
