"""What is refused before it reaches the application, and the same problem documents for it, as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from secrets import token_hex

from orderkeep.entrypoints.api.http1 import bounds
from orderkeep.entrypoints.api.problems import Refused, refusal
from orderkeep.entrypoints.api.security_headers import SECURITY_HEADERS


def malformed(detail: str) -> Refused:
    """Return the refusal of what is no request, or could be read as two."""
    return Refused(HTTPStatus.BAD_REQUEST, "malformed_request", f"this is not valid HTTP/1.1: {detail}")


def target_too_long() -> Refused:
    """Return the refusal of a request for an address without end."""
    detail = f"the request target must be at most {bounds.MAX_TARGET_BYTES} bytes"
    return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "target_too_long", detail, limit=bounds.MAX_TARGET_BYTES)


def head_too_large() -> Refused:
    """Return the refusal of a request with too many headers, or too large ones."""
    detail = f"there may be at most {bounds.MAX_HEADERS} headers, of {bounds.MAX_HEAD_BYTES} bytes together"
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", detail, limit=bounds.MAX_HEAD_BYTES)


def too_slow(what: str, seconds: float) -> Refused:
    """Return the refusal of a request that does not come to its end."""
    return Refused(HTTPStatus.REQUEST_TIMEOUT, "request_too_slow", f"{what} was not here after {seconds:.0f} s")


def answer_of(refused: Refused, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a whole answer with a request id of its own, after which the connection ends."""
    request_id = token_hex(16)
    answer = refusal(refused, request_id)
    lines = [
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}".encode(),
        *(name + b": " + value for name, value in (*headers, *answer.raw_headers)),
        b"x-request-id: " + request_id.encode(),
        *(f"{name.lower()}: {value}".encode() for name, value in SECURITY_HEADERS.items()),
        b"connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body)
