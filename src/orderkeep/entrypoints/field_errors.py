"""Errors in a request or a record: all of them at once, each with its place, a stable code and a message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from orderkeep.domain import limits
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.domain.value_objects import BIDI_CONTROLS, CURRENCIES, is_visible

_BIDI_CONTROL = re.compile(f"[{BIDI_CONTROLS}]")

MOST_ERRORS = 100
"""Maximum number of errors that are reported."""

LONGEST_NAME = 64
"""Unknown field names that are longer, or not printable, are not repeated: the pointer ends at the object they are in.
"""

_STRING = ("wrong_type", "must be a string")
_TYPES = {
    "missing": ("field_missing", "is required"),
    "string_type": _STRING,
    "string_unicode": ("text_not_printable", "must not contain an unpaired surrogate"),
    "bool_type": ("wrong_type", "must be true or false"),
    "tuple_type": ("wrong_type", "must be an array"),
    "dict_type": ("wrong_type", "must be an object"),
    "model_type": ("wrong_type", "must be an object"),
}
"""Code and message for each of pydantic's error types. Pydantic's own messages may contain the rejected value."""

_POSITION_RANGE = ("position_out_of_range", f"must be a position: a whole number from 1 to {10**15 - 1}")
_RANGES = {
    "quantity": (
        "quantity_out_of_range",
        f"must be a whole number from {limits.MIN_QUANTITY} to {limits.MAX_QUANTITY}",
    ),
    "amount": ("amount_out_of_range", f"must be from 1 to {limits.MAX_MINOR_UNITS - 1} minor units"),
    "version": ("invalid_value", f"must be a whole number from 1 to {10**15 - 1}"),
    "first": _POSITION_RANGE,
    "last": _POSITION_RANGE,
}
_NO_AMOUNT = ("wrong_type", "must be a whole number of minor units, without decimal places: 9900 for 99.00")
_AMOUNT_RANGE = ("amount_out_of_range", f"must be from 0 to {limits.MAX_MINOR_UNITS - 1} minor units")
_TOO_MANY = {
    "orders": "too_many_orders",
    "lines": "too_many_lines",
    "tags": "too_many_tags",
    "metadata": "too_many_metadata_keys",
}
_UNKNOWN_CURRENCY = "must be a supported ISO 4217 code, such as EUR, JPY or KWD"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid part of a request or a record: a field (`pointer`, a JSON pointer, RFC 6901; `""` for the whole), a
    query parameter, or a header. `message` is a predicate that never contains the rejected value. `limit` is the
    maximum number of items, if there are too many.
    """

    code: str
    message: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    limit: int | None = None

    def as_dict(self) -> dict[str, str | int]:
        """Return the entry in the `errors` of a response."""
        names = ("pointer", "parameter", "header", "code", "message", "limit")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        return f"{self.pointer or self.parameter or self.header or 'the body'} {self.message}"


class InvalidFields(Exception):
    """A body or record does not match its schema; `errors` lists every invalid field."""

    code = "invalid_fields"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors

    @classmethod
    def of(cls, error: ValidationError, model: type[BaseModel]) -> InvalidFields:
        """Return pydantic's findings with our codes and messages."""
        found = error.errors(include_url=False)
        return cls(tuple(_field_error(details, model) for details in found[:MOST_ERRORS]))


def rule_broken(code: str, message: str, *below: str) -> PydanticCustomError:
    """Return an error for a pydantic validator to raise; `below` continues the path of the field."""
    return PydanticCustomError("rule_broken", "{message}", {"code": code, "message": message, "below": below})


def field_error_of(error: OrderkeepError) -> FieldError:
    """Return an error of the domain in the same form."""
    head, _, rest = error.field.partition("/")
    path = [head, rest] if head == "metadata" and rest else error.field.split("/")
    return FieldError(error.code, str(error), pointer_to(path) if error.field else "")


def parameter_error(details: ErrorDetails | dict[str, Any]) -> FieldError:
    """Return an error of pydantic about a query parameter, with our message."""
    context = details.get("ctx", {})
    match details["type"]:
        case "value_error":
            message = str(context["error"])
        case "enum" | "literal_error":
            message = f"must be one of {_names_in(context['expected'])}"
        case "greater_than_equal":
            message = f"must be at least {context['ge']}"
        case "less_than_equal":
            message = f"must be at most {context['le']}"
        case "string_too_long":
            message = f"must have at most {context['max_length']} characters"
        case "string_too_short":
            message = "must not be empty: give a value, or omit the parameter"
        case _:
            message = "is not valid"
    return FieldError("invalid_parameter", message, parameter=str(details["loc"][0]))


def unknown_name(name: str, known: Iterable[str], what: str = "parameter") -> str:
    """Return the message about an unknown name, with the known one that it may be, or else with all of them."""
    names = sorted(known)
    if nearest := get_close_matches(name[:LONGEST_NAME], names, n=1, cutoff=0.7):
        return f"is not a known {what}: did you mean {nearest[0]}?"
    return f"is not a known {what}: use one of {', '.join(names)}" if names else f"is not a known {what}: omit it"


def pointer_to(path: Sequence[str | int]) -> str:
    """Return the JSON pointer to a place."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _field_error(details: ErrorDetails, model: type[BaseModel]) -> FieldError:
    context = details.get("ctx", {})
    path = [*details["loc"], *context.get("below", ())]
    code, message = _code_and_message(details)
    if details["type"] == "extra_forbidden":
        unchangeable = getattr(model, "unchangeable", {}) if len(path) == 1 else {}
        message = unchangeable.get(path[-1]) or unknown_name(str(path[-1]), _names_at(model, path[:-1]), "field")
        code = "unknown_field"
    if len(path) > 2 and path[-1] == "[key]":  # pydantic's mark for the key, not the value, of an entry
        path, message = path[:-2], f"has a key that {message}"
    if path and not _is_presentable(path[-1]):
        path, message = path[:-1], f"has a field name that {message}"
    limit = context["max_length"] if details["type"] == "too_long" else None
    return FieldError(code, message, pointer_to(path), limit=limit)


def _names_at(model: type[BaseModel], path: Sequence[str | int]) -> Iterable[str]:
    """Return the fields of the object at a place."""
    kinds: list[Any] = [model]
    for name in path:
        if isinstance(name, str):
            kinds = [each.model_fields[name].annotation for each in _models_in(kinds)]
    return [name for each in _models_in(kinds) for name in each.model_fields]


def _models_in(kinds: Iterable[Any]) -> list[type[BaseModel]]:
    found = [each for each in kinds if isinstance(each, type) and issubclass(each, BaseModel)]
    return found + [model for each in kinds for model in _models_in(get_args(each))]


def _code_and_message(details: ErrorDetails) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    name = details["loc"][-1] if details["loc"] else ""
    match kind:
        case "rule_broken":
            return context["code"], context["message"]
        case "greater_than_equal" | "less_than_equal":
            return _RANGES.get(str(name), _AMOUNT_RANGE)
        case "int_type" | "int_from_float":
            return ("wrong_type", "must be a whole number, without decimal places") if name in _RANGES else _NO_AMOUNT
        case "too_long":
            items = "keys" if name == "metadata" else "items"
            return _TOO_MANY.get(str(name), "invalid_value"), f"must have at most {context['max_length']} {items}"
        case "literal_error":
            return _choice(str(name), details["input"], context["expected"])
        case "string_too_long":
            return "text_too_long", f"must have at most {context['max_length']} characters"
        case "string_too_short":
            return "text_missing", "must not be empty or blank"
        case "string_pattern_mismatch":
            if not is_visible(details["input"]) and not _BIDI_CONTROL.search(details["input"]):
                return "text_missing", "must not be empty or blank"
            return "text_not_printable", "must not contain control characters"
    return _TYPES.get(kind, ("invalid_value", "is not valid"))


def _choice(name: str, value: object, expected: str) -> tuple[str, str]:
    if not isinstance(value, str):
        return _STRING
    if name == "currency":
        is_lower = value.upper() in CURRENCIES
        return "unknown_currency", "must be in upper case, such as EUR" if is_lower else _UNKNOWN_CURRENCY
    code = "unknown_status" if name == "status" else "invalid_value"
    return code, f"must be one of {_names_in(expected)}"


def _names_in(expected: str) -> str:
    """Return the names in pydantic's list of them, such as `'a', 'b' or 'c'`."""
    return expected.replace(" or ", ", ").replace("'", "")


def _is_presentable(name: str | int) -> bool:
    return isinstance(name, int) or (len(name) <= LONGEST_NAME and name.isprintable())
