"""The query parameters that there are: how each is read, and what is said about it. A route takes those it names in
its documentation; others, and one that stands there twice, are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope

from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.domain.status import OrderStatus
from orderkeep.entrypoints.api.problems import Detail, Refused
from orderkeep.entrypoints.instants import read_instant

MOST_PARAMETERS = 50
"""How many are looked at in one query."""

LARGEST_NUMBER = 10**18 - 1
"""That can be asked for: 18 digits, which every store can read."""

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. `read` makes a value of its text, or raises `ValueError` with what it must be."""

    read: Callable[[str], Any]
    description: str
    schema: dict[str, Any]
    example: Any


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def _version(text: str) -> int:
    if (version := _number(text)) < 1:
        raise ValueError("must be a whole number from 1")
    return version


def _true_or_false(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}

PARAMETERS: dict[str, Parameter] = {
    "user_id": Parameter(str, "Only orders of this user.", _TEXT, "user-42"),
    "status": Parameter(
        str, "Only orders that stand here. Goes with neither `tag` nor `external_ref`.",
        {"type": "string", "enum": [*OrderStatus]}, "pending",
    ),
    "tag": Parameter(str, "Only orders that have this tag.", _TEXT, "gift"),
    "external_ref": Parameter(str, "Only orders that have this number of yours.", _TEXT, "web-7781"),
    "created_from": Parameter(read_instant, "Only orders created then or later.", _TIME, "2026-11-01T00:00:00Z"),
    "created_to": Parameter(read_instant, "Only orders created before then.", _TIME, "2026-12-01T00:00:00Z"),
    "limit": Parameter(
        _number, "How many at most.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": DEFAULT_PAGE}, 20,
    ),
    "cursor": Parameter(
        str, "Where to go on: the `next_cursor` of the page before, with the same filters.", _TEXT,
        "WyI5ZjJjIiwiMjAyNi0xMS0yMlQxMDowMDowMCIsIjEiXQ",
    ),
    "version": Parameter(
        _version, "The order as it was at this version.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER}, 1,
    ),
    "at": Parameter(read_instant, "The order as it was at this instant.", _TIME, "2026-11-22T10:00:00Z"),
    "dry_run": Parameter(
        _true_or_false, "Answer what would become of the order, and write nothing.",
        {"type": "boolean", "default": False}, True,
    ),
}  # fmt: skip


def read_query(query: bytes, allowed: Iterable[str]) -> dict[str, Any]:
    """Return the values by name. Raises `Refused` with all that is wrong."""
    values: dict[str, Any] = {}
    errors: list[Detail] = []
    for name, text in _pairs(query):
        shown = name if _NAME.fullmatch(name) else "?"
        if name not in allowed:
            errors.append(Detail("unknown_parameter", "is not known here", parameter=shown))
        elif name in values:
            errors.append(Detail("parameter_repeated", "must stand there once", parameter=shown))
        else:
            values[name] = None
            try:
                values[name] = PARAMETERS[name].read(text)
            except ValueError as error:
                errors.append(Detail("invalid_parameter", str(error), parameter=shown))
    if errors:
        raise Refused.for_errors("invalid_query", errors)
    return values


def query_of(scope: Scope) -> Mapping[str, Any]:
    """Return the query parameters of a request as its route read them."""
    values: Mapping[str, Any] = scope["orderkeep.query"]
    return values


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        text = query.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        message = f"must be at most {MOST_PARAMETERS} parameters of percent-encoded UTF-8"
        raise Refused.for_errors("invalid_query", [Detail("invalid_parameter", message, parameter="?")]) from None
