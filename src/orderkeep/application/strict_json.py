"""Strict JSON (RFC 8259): rejects every text that two JSON parsers could read differently."""

import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Any, NoReturn

MAX_NUMBER_LENGTH = 100
"""Characters of a number. No field takes as many."""

MAX_DEPTH = 32
"""Levels of nested arrays and objects. An order has three."""


MAX_NAME_LENGTH = 64
"""A duplicate key that is longer, or not printable, is not repeated in the error."""

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_TOKENS = re.compile(rf"""(?P<string>"(?:[^"\\]|\\.)*")(?P<colon>[ \t\r\n]*:)?|[][{{}}]|NaN|-?Infinity|{_NUMBER}""")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INFINITE = (float("inf"), float("-inf"))


class InvalidJSON(ValueError):
    """The text is not JSON, or is ambiguous. The message locates the error, and quotes nothing but a duplicate key."""

    code = "malformed_json"

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        """The limit that the text exceeds, if that is the error."""


class _Rejected(ValueError):
    """A part of the text is rejected; `_first_error` finds it."""


class DecimalNumber(float):
    """A number that is written with an exponent, or with decimal places other than `.0`: no integer, even if its value
    is one. To read an amount of 99.00 as 99 minor units would be wrong by a factor of 100.
    """

    __slots__ = ()


def read_json(body: bytes) -> object:
    """Return the value of a JSON text in UTF-8. Raises `InvalidJSON` if it is invalid, ambiguous or beyond a limit."""
    if body.startswith((BOM_UTF8, BOM_UTF16_LE, BOM_UTF16_BE)):
        raise InvalidJSON("begins with a byte order mark: write it in UTF-8 without one")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"is not UTF-8 at byte {error.start + 1}") from None
    try:
        value = _decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        _check_depth(value)
    except json.JSONDecodeError as error:
        if not text.strip():
            raise InvalidJSON("is empty") from None
        at_end = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        wrong = "ends too early" if at_end else "is not JSON"
        raise InvalidJSON(f"{wrong} at line {error.lineno}, column {error.colno}") from None
    except (_Rejected, UnicodeEncodeError, RecursionError):
        raise _first_error(text) from None
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
        raise _Rejected
    return found


def _number(digits: str) -> float:
    number = float(digits)
    if len(digits) > MAX_NUMBER_LENGTH or number in _INFINITE:
        raise _Rejected
    return number


def _decimal(digits: str) -> float:
    number = _number(digits)
    return number if digits.endswith(".0") else DecimalNumber(number)


def _integer(digits: str) -> int:
    _number(digits)
    return int(digits)


def _constant(_: str) -> NoReturn:
    raise _Rejected


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
).decode


def _first_error(text: str) -> InvalidJSON:
    """Return the first error in a text of which a part is rejected, and which is JSON up to that part."""
    names: list[set[str]] = []
    tokens = _TOKENS.finditer(text)
    while True:
        token = next(tokens)
        if token[0] in ("]", "}"):
            names.pop()
        elif message := _error_of(token, names):
            at = json.JSONDecodeError("", text, token.start())
            limit = MAX_DEPTH if len(names) > MAX_DEPTH else None
            return InvalidJSON(f"{message}, at line {at.lineno}, column {at.colno}", limit)


def _error_of(token: re.Match[str], names: list[set[str]]) -> str | None:
    """Return what is wrong with a token, if anything; `names` are those before it, of each object that contains it."""
    if token[0] in ("[", "{"):
        names.append(set())
        return f"is nested more than {MAX_DEPTH} levels deep" if len(names) > MAX_DEPTH else None
    if token["string"]:
        string = json.loads(token["string"])
        if _LONE_SURROGATE.search(string):
            return "has a lone surrogate in a text"
        if token["colon"] and string in names[-1]:
            is_shown = len(string) <= MAX_NAME_LENGTH and string.isprintable()
            key = f"key {json.dumps(string, ensure_ascii=False)}" if is_shown else "same key"
            return f"has the {key} twice in one object"
        if token["colon"]:
            names[-1].add(string)
        return None
    if token[0].endswith(("NaN", "Infinity")):
        return "has NaN or Infinity, which are not JSON"
    if len(token[0]) > MAX_NUMBER_LENGTH:
        return "has a number that is too long"
    return "has a number that is too large" if float(token[0]) in _INFINITE else None
