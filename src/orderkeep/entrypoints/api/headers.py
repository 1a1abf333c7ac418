"""Lists and media types in header fields, read as RFC 9110 defines them. The numbers are its sections."""

from __future__ import annotations

import re

WHITESPACE = b" \t"

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
JSON, MERGE_PATCH = b"application/json", b"application/merge-patch+json"
_MEDIA_TYPE = re.compile(_TOKEN + rb"/" + _TOKEN)
_PARAMETER = re.compile(rb"[ \t]*;[ \t]*(?:(" + _TOKEN + rb")=(" + _TOKEN + rb"|" + _QUOTED + rb"))?")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def members_of(value: bytes | list[bytes]) -> list[bytes]:
    """Return the members of a list of tokens, in lower case. The values of a repeated header are one list (5.3), and
    empty members do not count (5.6.1).
    """
    lines = [value] if isinstance(value, bytes) else value
    members = [member.strip(WHITESPACE).lower() for line in lines for member in line.split(b",")]
    return [member for member in members if member]


def is_utf8_json(content_type: bytes, *, patch: bool = False) -> bool:
    """Return whether a media type (8.3.1) is JSON in UTF-8, or also a merge patch (RFC 7396). Names are
    case-insensitive, values may be quoted, and parameters may be empty (5.6.6). Of the parameters, only `charset` has a
    meaning: JSON defines none.
    """
    found = _MEDIA_TYPE.match(content_type)
    if found is None or found[0].lower() not in ((JSON, MERGE_PATCH) if patch else (JSON,)):
        return False
    while found is not None and found.end() < len(content_type):
        found = _PARAMETER.match(content_type, found.end())
        if found and (found[1] or b"").lower() == b"charset" and _unquoted(found[2]).lower() != b"utf-8":
            return False
    return found is not None


def _unquoted(value: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value
