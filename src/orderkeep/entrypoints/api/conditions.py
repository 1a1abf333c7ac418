"""Entity tags and what hangs on them (RFC 9110, 13): an order's tag is its version in quotes, a document's its id."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from orderkeep.entrypoints.api.problems import Detail, Refused

ANY = "*"
NO_VERSION = 0
"""Stands for a tag that no order has: versions count from 1."""

BLANK = " \t"
"""What may stand around a header's value (RFC 9110, 5.5); `strip` alone would take away much else."""

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAG_LIST = rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*"
"""Entity tags with commas between them (RFC 9110, 5.6.1), in the form of Python's and JavaScript's patterns."""

_LIST = re.compile(TAG_LIST)
_VERSION = re.compile(r'"([1-9][0-9]{0,17})"', re.ASCII)


def etag_of(version: int | str) -> str:
    """Return the entity tag of an order at that version, or of a document by its id."""
    return f'"{version}"'


def if_match(headers: Headers) -> tuple[int, ...] | None:
    """Return the versions that the request was made for, or None where any will do.

    Weak tags never match, and stand for no version, as do tags that are not ours. Raises `Refused`.
    """
    tags = _tags(headers, "If-Match")
    if tags is None or tags == [ANY]:
        return None
    versions = [int(found[1]) for tag in tags if (found := _VERSION.fullmatch(tag))]
    return tuple(versions) or (NO_VERSION,)


def none_match(headers: Headers, etag: str) -> bool:
    """Tell whether what has that tag is news to who asks. Weak tags count as strong ones. Raises `Refused`."""
    if "if-none-match" not in headers:
        return True
    tags = _tags(headers, "If-None-Match") or []
    return tags != [ANY] and etag not in [tag.removeprefix("W/") for tag in tags]


def _tags(headers: Headers, name: str) -> list[str] | None:
    lines = headers.getlist(name)
    if not lines:
        return None
    value = ",".join(lines)
    if value.strip(BLANK) == ANY:
        return [ANY]
    if not _LIST.fullmatch(value):
        error = Detail("invalid_header", 'must be entity tags such as "3", with their quotes, or *', header=name)
        raise Refused.for_errors("invalid_header", [error])
    return re.findall(_TAG, value)
