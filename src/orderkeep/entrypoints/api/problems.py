"""Problem documents (RFC 9457): the one form of every answer that is not what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from starlette.responses import Response

TYPE_PREFIX = "urn:orderkeep:problem:"
"""What a problem's `type` begins with; its `code` follows. They name, they do not link: nothing is served there."""

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Detail:
    """One of the things that are wrong: in the body (`pointer`, RFC 6901), in the query, or in a header."""

    code: str
    message: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    limit: int | None = None

    @property
    def said(self) -> dict[str, str | int]:
        """What the problem document says, with the place first."""
        places = {"pointer": self.pointer, "parameter": self.parameter, "header": self.header}
        said: dict[str, str | int] = {k: v for k, v in places.items() if v is not None}
        said |= {"code": self.code, "message": self.message}
        return said if self.limit is None else {**said, "limit": self.limit}

    def __str__(self) -> str:
        return f"{self.pointer or self.parameter or self.header or 'the body'}: {self.message}"


class Refused(Exception):
    """A request that is refused at the door, before any use case is asked."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[Detail] = (),
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers, self.limit = errors, headers, limit

    @classmethod
    def for_errors(cls, code: str, errors: Sequence[Detail]) -> Refused:
        """Return the refusal of a request whose parts are wrong, one by one."""
        return cls(HTTPStatus.UNPROCESSABLE_ENTITY, code, summary(errors), errors)


def summary(errors: Sequence[Detail]) -> str:
    """Return the errors as one text."""
    return str(errors[0]) if len(errors) == 1 else f"{len(errors)} things are wrong; errors says where and what"


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    request_id: str | None,
    title: str = "",
    errors: Sequence[Detail] = (),
    headers: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> Response:
    """Return a problem document. `code` is stable, `title` is the same for each of its kind, `detail` is for people."""
    said = {
        "type": TYPE_PREFIX + code,
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if limit is not None:
        said["limit"] = limit
    if errors:
        said["errors"] = [error.said for error in errors]
    return Response(msgspec.json.encode(said), status, headers, MEDIA_TYPE)


def refusal(error: Refused, request_id: str | None) -> Response:
    """Return the problem document of a refusal at the door."""
    return problem(
        error.status,
        error.code,
        error.detail,
        request_id=request_id,
        errors=error.errors,
        headers=error.headers,
        limit=error.limit,
    )
