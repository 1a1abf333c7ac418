"""Heads that can be read in two ways: refused, so that nobody in front of us reads them in the other.

The parser has refused by then what RFC 9112 lets nobody send: bare line feeds, folded lines, control characters, two
lengths. What it leaves to us stands here.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from orderkeep.entrypoints.api.errors import METHODS
from orderkeep.entrypoints.api.http1.refusals import malformed
from orderkeep.entrypoints.api.problems import Refused

Headers = list[tuple[bytes, bytes]]

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^?#]*)(\?[^#]*)?", re.IGNORECASE)


def check_head(version: str, method: bytes, headers: Headers) -> bool:
    """Refuse a head that leaves open what is asked: by its version, `Host`, `Transfer-Encoding` or `Expect`. Return
    whether the client waits to be told to send its body. Raises `Refused`.
    """
    if version not in ("1.1", "1.0"):
        if version == "0.9":
            raise malformed("HTTP/0.9 is not spoken here")
        detail = "HTTP/1.1 is spoken here, and HTTP/1.0"
        raise Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "version_not_supported", detail)
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (not hosts and version == "1.1"):
        raise malformed("there must be one Host header")
    if hosts and not _HOST.fullmatch(headers[names.index(b"host")][1]):
        raise malformed("Host must name a host, and a port if it likes")
    if method == b"CONNECT":
        raise _not_here("this is no proxy: CONNECT leads nowhere")
    if b"transfer-encoding" in names:
        _check_transfer_coding(version, [value for name, value in headers if name == b"transfer-encoding"])
    expects = b"expect" in names and version == "1.1"
    if expects:
        _check_expectation([value for name, value in headers if name == b"expect"])
    return expects


def _check_transfer_coding(version: str, codings: list[bytes]) -> None:
    if version == "1.0" or len(codings) > 1:
        raise malformed("there may be one Transfer-Encoding header, and in HTTP/1.1 only")
    if codings[0].strip().lower() != b"chunked":
        detail = "the only transfer coding that is known here is chunked"
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "transfer_coding_unknown", detail)


def _check_expectation(expected: list[bytes]) -> None:
    if [value.lower() for value in expected] != [b"100-continue"]:
        detail = "the only expectation that is known here is 100-continue"
        raise Refused(HTTPStatus.EXPECTATION_FAILED, "expectation_failed", detail)


def _not_here(detail: str) -> Refused:
    allowed = {"Allow": ", ".join((*METHODS, "HEAD"))}
    return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers=allowed)


def split_target(method: bytes, target: bytes, headers: Headers) -> tuple[bytes, bytes]:
    """Return the path and the query that a request is for. An absolute target replaces what `Host` says, as RFC 9112
    demands (3.2.2). Raises `Refused`.
    """
    if (method, target) == (b"OPTIONS", b"*"):
        raise _not_here("there is nothing to be said of the server as a whole")
    if b"#" in target:
        raise malformed("a fragment has no place in a request target")
    if not target.startswith(b"/"):
        target = _without_authority(target, headers)
    path, _, query = target.partition(b"?")
    return path, query


def _without_authority(target: bytes, headers: Headers) -> bytes:
    found = _ABSOLUTE.fullmatch(target)
    if found is None or not _HOST.fullmatch(found[1]):
        raise malformed("the request target must be a path, or a URL of http or https")
    headers[:] = [(name, found[1] if name == b"host" else value) for name, value in headers]
    return (found[2] or b"/") + (found[3] or b"")
