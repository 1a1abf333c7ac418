"""JSON as RFC 8259 means it, read so that no two programs could understand it differently."""

import json
import re
from itertools import accumulate
from typing import Any, NoReturn

MAX_NUMBER_LENGTH = 100
"""Digits of a number. No field takes as many; one that has more is no mistake of the pen."""

MAX_DEPTH = 32
"""How deep arrays and objects may stand in each other. An order needs three levels."""

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


class InvalidJSON(ValueError):
    """The text is not JSON, or JSON that programs read in different ways. Says where, never what stood there."""

    code = "malformed_json"

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        """The bound that the text is past, if that is what is wrong."""


class _KeyTwice(Exception):  # an object ended that has the same key twice; where, is then looked for
    pass


def read_json(body: bytes) -> object:
    """Return what the text says. Raises `InvalidJSON` for all else: other encodings, NaN and Infinity, numbers that
    no float holds, the same key twice in an object, half a surrogate pair, deeper nesting than any answer needs.
    """
    try:
        text = body.decode()
        _check_depth(text)
        value = _decode(text)
        if _ESCAPED_SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"is not UTF-8 at byte {error.start + 1}") from None
    except UnicodeEncodeError:
        raise InvalidJSON("has half a surrogate pair in a text") from None
    except json.JSONDecodeError as error:
        raise InvalidJSON(f"is not JSON at {_place(text, error.pos)}") from None
    except _KeyTwice:
        raise InvalidJSON(f"has the same key twice in one object, at {_place(text, _second_key(text))}") from None
    return value


def _check_depth(text: str) -> None:
    """Refuse what is nested too deeply before anything follows it down, as a parser does."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    brackets = _NO_BRACKET.sub("", _STRING.sub("", text))
    if max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0) > MAX_DEPTH:
        raise InvalidJSON(f"is nested more than {MAX_DEPTH} levels deep", limit=MAX_DEPTH)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _KeyTwice
    return found


def _float(digits: str) -> float:
    number = float(_bounded(digits))
    if number in (float("inf"), float("-inf")):
        raise InvalidJSON("has a number that is too large")
    return number


def _int(digits: str) -> int:
    return int(_bounded(digits))


def _bounded(digits: str) -> str:
    if len(digits) > MAX_NUMBER_LENGTH:
        raise InvalidJSON("has a number that is too long")
    return digits


def _constant(_: str) -> NoReturn:
    raise InvalidJSON("has NaN or Infinity, which are no JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
).decode


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


def _second_key(text: str) -> int:
    keys: list[set[str] | None] = []  # one for each open bracket: the keys so far, None in an array
    before = ""
    for token in _TOKEN.finditer(text):
        piece = token.group()
        if piece in "{[":
            keys.append(set() if piece == "{" else None)
        elif piece in "}]":
            keys.pop()
        elif piece[0] == '"' and before in "{," and (seen := keys[-1]) is not None:
            key = json.loads(piece)
            if key in seen:
                return token.start()
            seen.add(key)
        before = piece
    return 0
