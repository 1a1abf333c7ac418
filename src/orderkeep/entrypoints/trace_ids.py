"""The trace ID of a request, as 32 hexadecimal digits, from W3C's `traceparent` or from AWS X-Ray's header.

A header that does not match its specification exactly is ignored, because the ID is logged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{0,400})?"
)
_XRAY = re.compile(r"(?:.{0,400};)? ?Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;.{0,400})?", re.ASCII)


def trace_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the trace ID in the headers of a request, or None; `traceparent` takes precedence."""
    sent: dict[bytes, list[bytes]] = {b"traceparent": [], b"x-amzn-trace-id": []}
    for name, value in headers:
        if name in sent:
            sent[name].append(value)
    found = _TRACEPARENT.fullmatch(sent[b"traceparent"][0]) if len(sent[b"traceparent"]) == 1 else None
    if found and (found[1] != b"00" or found[3] is None):  # only later versions may have more fields
        return found[2].decode()
    if len(sent[b"x-amzn-trace-id"]) == 1:
        return trace_id_in(sent[b"x-amzn-trace-id"][0].decode("latin-1"))
    return None


def trace_id_in(text: str) -> str | None:
    """Return the trace ID in a header of AWS X-Ray, without its version and its hyphens."""
    found = _XRAY.fullmatch(text)
    return found[1] + found[2] if found else None
