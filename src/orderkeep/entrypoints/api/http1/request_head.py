"""Checks of a request's head, and the problems for requests that are rejected before they reach the application.

Whatever a proxy could read differently is rejected. The parser rejects most of what RFC 9112 forbids (bare line feeds,
folded lines, control characters, two lengths); the rules that it leaves to the server are here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.types import Scope

from orderkeep.entrypoints.api.headers import members_of
from orderkeep.entrypoints.api.http1 import limits
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.routing import headers_of

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?")
_ALLOWED = {"Allow": "GET, POST, DELETE, HEAD"}
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.IGNORECASE)


UNKNOWN_ERROR = "see RFC 9112"
_OF_PARSER = {
    ("PRI",): "HTTP/2 is not supported: use HTTP/1.1",
    ("Content-Length",): "a body needs either one Content-Length, a whole number, or Transfer-Encoding: chunked",
    ("Transfer-Encoding",): "Transfer-Encoding must be chunked, once",
    ("chunk", "Chunk"): "the chunks of the body are malformed",
    ("header", "start line"): "a header must be NAME: VALUE in one line that ends in CR LF, without control characters",
    (
        "in url",
    ): "the request target must begin with / and be visible ASCII: percent-encode all other characters, such as "
    "with curl -G --data-urlencode",
    ("method",): "the first line must begin with a method in upper case; without TLS, use http://, not https://",
    (
        "HTTP",
        "version",
        "dot",
    ): "the first line must be METHOD TARGET HTTP/1.1 and end in CR LF: a space in the target is %20",
}
"""What to do about the parser's errors, by words in their messages. The first entry applies."""


def malformed(error: Exception) -> HttpProblem:
    """Return the problem of an error of the parser."""
    found = (text for words, text in _OF_PARSER.items() if any(each in str(error) for each in words))
    return HttpProblem("malformed_request", error=next(found, UNKNOWN_ERROR))


def check_head(version: str, method: bytes, headers: Mapping[bytes, bytes | list[bytes]]) -> bool:
    """Check the version, `Host`, `Transfer-Encoding` and `Expect`; return whether the client waits for 100 Continue.
    Raises `HttpProblem`.
    """
    if version not in ("1.1", "1.0"):
        if version == "0.9":
            raise HttpProblem("malformed_request", error="HTTP/0.9 is not supported")
        raise HttpProblem("version_not_supported")
    host = headers.get(b"host")
    if isinstance(host, list) or (host is None and version == "1.1"):
        raise HttpProblem("malformed_request", error="exactly one Host header is required")
    if host is not None and not _HOST.fullmatch(host):
        raise HttpProblem("malformed_request", error="Host must be a host name with an optional port")
    if method == b"CONNECT":
        raise HttpProblem("method_not_allowed", "CONNECT is not supported: this is not a proxy", headers=_ALLOWED)
    if (coding := headers.get(b"transfer-encoding")) is not None:
        _check_transfer_coding(version, coding)
    expected = headers.get(b"expect")
    if expected is None or version == "1.0":
        return False
    if set(members_of(expected)) != {b"100-continue"}:
        raise HttpProblem("expectation_failed")
    return True


def _check_transfer_coding(version: str, coding: bytes | list[bytes]) -> None:
    if version == "1.0" or isinstance(coding, list):
        raise HttpProblem("malformed_request", error="Transfer-Encoding is accepted once, in HTTP/1.1 only")
    if coding.lower() != b"chunked":
        raise HttpProblem("transfer_coding_unknown")


def split_target(method: bytes, target: bytes, scope: Scope) -> tuple[bytes, bytes]:
    """Return the path and the query of a request target. The authority of an absolute target replaces the value of
    `Host` in the scope, as RFC 9112 requires (3.2.2). Raises `HttpProblem`.
    """
    if (method, target) == (b"OPTIONS", b"*"):
        raise HttpProblem("method_not_allowed", "OPTIONS * is not supported", headers=_ALLOWED)
    if ord("#") in target:
        raise HttpProblem("malformed_request", error="a request target cannot contain a fragment")
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return path, query
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not _HOST.fullmatch(found[1]):
        raise HttpProblem("malformed_request", error="the request target must be a path or an http or https URL")
    scope["headers"] = [(name, found[1] if name == b"host" else value) for name, value in scope["headers"]]
    if b"host" in (headers := headers_of(scope)):
        headers[b"host"] = found[1]
    return found[2] or b"/", found[3] or b""


def head_too_large() -> HttpProblem:
    """Return the problem of too many headers, or too large ones."""
    return HttpProblem("head_too_large", n=limits.MAX_HEADERS, limit=limits.MAX_HEAD_BYTES)
