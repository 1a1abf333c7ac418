"""Strict JSON (RFC 8259): rejects every text that two JSON parsers could read differently."""

import json
from typing import Any, NoReturn

MAX_NUMBER_LENGTH = 100
"""Characters of a number. No field takes as many."""

MAX_DEPTH = 32
"""Levels of nested arrays and objects. An order has three."""


class InvalidJSON(ValueError):
    """The text is not JSON, or is ambiguous. The message locates a syntax error, and never quotes the text."""

    code = "malformed_json"

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        """The limit that the text exceeds, if that is the error."""


def read_json(body: bytes) -> object:
    """Return the value of a JSON text in UTF-8. Raises `InvalidJSON` if it is invalid, ambiguous or beyond a limit."""
    try:
        text = body.decode()
        value = _decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        _check_depth(value)
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"is not UTF-8 at byte {error.start + 1}") from None
    except UnicodeEncodeError:
        raise InvalidJSON("has a lone surrogate in a text") from None
    except json.JSONDecodeError as error:
        raise InvalidJSON(f"is not JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise InvalidJSON(f"is nested more than {MAX_DEPTH} levels deep", MAX_DEPTH) from None
    return value


def _check_depth(value: object, depth: int = 0) -> None:
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise RecursionError
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, depth + 1)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJSON("has the same key twice in one object")
    return found


def _number(digits: str) -> float:
    if len(digits) > MAX_NUMBER_LENGTH:
        raise InvalidJSON("has a number that is too long")
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise InvalidJSON("has a number that is too large")
    return number


def _integer(digits: str) -> int:
    _number(digits)
    return int(digits)


def _constant(_: str) -> NoReturn:
    raise InvalidJSON("has NaN or Infinity, which are not JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
).decode
