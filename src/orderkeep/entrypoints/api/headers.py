"""Header fields of a request, read as RFC 9110 defines them: values, lists and media types.

Every header is read through `headers_of`. Section numbers are those of RFC 9110.
"""

from __future__ import annotations

import re

from starlette.types import Scope

Values = dict[bytes, bytes | list[bytes]]

WHITESPACE = b" \t"

_HEADERS = "orderkeep.headers"
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_MEDIA_TYPE = re.compile(_TOKEN + rb"/" + _TOKEN)
_PARAMETER = re.compile(rb"[ \t]*;[ \t]*(?:(" + _TOKEN + rb")=(" + _TOKEN + rb"|" + _QUOTED + rb"))?")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def headers_of(scope: Scope) -> Values:
    """Return the headers of a request by name; of a header that is repeated, the list of its values. Whitespace around
    a value is not part of it (5.5), so it is removed, in the scope as well.
    """
    headers: Values | None = scope.get(_HEADERS)
    if headers is None:
        given = scope["headers"] = [(name, value.strip(WHITESPACE)) for name, value in scope["headers"]]
        headers = scope[_HEADERS] = dict(given)
        if len(headers) != len(given):
            names = [name for name, _ in given]
            for name in {name for name in names if names.count(name) > 1}:
                headers[name] = [value for other, value in given if other == name]
    return headers


def members_of(value: bytes | list[bytes]) -> list[bytes]:
    """Return the members of a list of tokens, in lower case. The values of a repeated header are one list (5.3), and
    empty members do not count (5.6.1).
    """
    lines = [value] if isinstance(value, bytes) else value
    members = [member.strip(WHITESPACE).lower() for line in lines for member in line.split(b",")]
    return [member for member in members if member]


def is_utf8_json(content_type: bytes) -> bool:
    """Return whether a media type (8.3.1) is JSON in UTF-8. Names are case-insensitive, values may be quoted, and
    parameters may be empty (5.6.6). Of the parameters, only `charset` has a meaning: JSON defines none.
    """
    found = _MEDIA_TYPE.match(content_type)
    if found is None or found[0].lower() != b"application/json":
        return False
    while found is not None and found.end() < len(content_type):
        found = _PARAMETER.match(content_type, found.end())
        if found and (found[1] or b"").lower() == b"charset" and _unquoted(found[2]).lower() != b"utf-8":
            return False
    return found is not None


def _unquoted(value: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value
