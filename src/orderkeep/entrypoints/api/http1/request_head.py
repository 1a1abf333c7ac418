"""Checks of a request's head, and the problems for requests that are rejected before they reach the application.

Whatever a proxy could read differently is rejected. The parser rejects most of what RFC 9112 forbids (bare line feeds,
folded lines, control characters, two lengths); the rules that it leaves to the server are here.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from orderkeep.entrypoints.api.http1 import limits
from orderkeep.entrypoints.api.problems import HttpProblem

Headers = list[tuple[bytes, bytes]]

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^?#]*)(\?[^#]*)?", re.IGNORECASE)


def check_head(version: str, method: bytes, headers: Headers) -> bool:
    """Check the version, `Host`, `Transfer-Encoding` and `Expect`; return whether the client waits for 100 Continue.
    Raises `HttpProblem`.
    """
    if version not in ("1.1", "1.0"):
        if version == "0.9":
            raise malformed("HTTP/0.9 is not supported")
        detail = "only HTTP/1.1 and HTTP/1.0 are supported"
        raise HttpProblem(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "version_not_supported", detail)
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (not hosts and version == "1.1"):
        raise malformed("exactly one Host header is required")
    if hosts and not _HOST.fullmatch(headers[names.index(b"host")][1]):
        raise malformed("Host must be a host name with an optional port")
    if method == b"CONNECT":
        raise _method_not_allowed("CONNECT is not supported: this is not a proxy")
    if b"transfer-encoding" in names:
        _check_transfer_coding(version, [value for name, value in headers if name == b"transfer-encoding"])
    expects = b"expect" in names and version == "1.1"
    if expects and [value.lower() for name, value in headers if name == b"expect"] != [b"100-continue"]:
        detail = "the only supported expectation is 100-continue"
        raise HttpProblem(HTTPStatus.EXPECTATION_FAILED, "expectation_failed", detail)
    return expects


def _check_transfer_coding(version: str, codings: list[bytes]) -> None:
    if version == "1.0" or len(codings) > 1:
        raise malformed("Transfer-Encoding is accepted once, in HTTP/1.1 only")
    if codings[0].strip().lower() != b"chunked":
        detail = "the only supported transfer coding is chunked"
        raise HttpProblem(HTTPStatus.NOT_IMPLEMENTED, "transfer_coding_unknown", detail)


def split_target(method: bytes, target: bytes, headers: Headers) -> tuple[bytes, bytes]:
    """Return the path and the query of a request target. The authority of an absolute target replaces the value of
    `Host`, as RFC 9112 requires (3.2.2). Raises `HttpProblem`.
    """
    if (method, target) == (b"OPTIONS", b"*"):
        raise _method_not_allowed("OPTIONS * is not supported")
    if b"#" in target:
        raise malformed("a request target cannot contain a fragment")
    if not target.startswith(b"/"):
        target = _without_authority(target, headers)
    path, _, query = target.partition(b"?")
    return path, query


def _without_authority(target: bytes, headers: Headers) -> bytes:
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not _HOST.fullmatch(found[1]):
        raise malformed("the request target must be a path or an http or https URL")
    headers[:] = [(name, found[1] if name == b"host" else value) for name, value in headers]
    return (found[2] or b"/") + (found[3] or b"")


def malformed(detail: str) -> HttpProblem:
    """Return the problem of a request that is invalid or ambiguous."""
    return HttpProblem(HTTPStatus.BAD_REQUEST, "malformed_request", f"this is not valid HTTP/1.1: {detail}")


def target_too_long() -> HttpProblem:
    """Return the problem of a request target over its limit."""
    detail = f"the request target must be at most {limits.MAX_TARGET_BYTES} bytes"
    return HttpProblem(HTTPStatus.REQUEST_URI_TOO_LONG, "target_too_long", detail, limit=limits.MAX_TARGET_BYTES)


def head_too_large() -> HttpProblem:
    """Return the problem of too many headers, or too large ones."""
    detail = f"at most {limits.MAX_HEADERS} headers, of {limits.MAX_HEAD_BYTES} bytes together, are accepted"
    return HttpProblem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", detail, limit=limits.MAX_HEAD_BYTES
    )


def _method_not_allowed(detail: str) -> HttpProblem:
    allowed = {"Allow": "GET, POST, DELETE, HEAD"}
    return HttpProblem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers=allowed)
