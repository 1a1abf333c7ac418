"""JSON, read so that no two programs could understand the same bytes differently."""

import json
from typing import Any, NoReturn

from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused

MAX_DIGITS = 18
"""Of a whole number: what fits 64 bits. No instant has as many."""


def read_object(text: bytes) -> dict[str, Any]:
    """Return the object that the JSON holds. Raises `TokenRefused` for all else: other encodings, a key twice, NaN,
    numbers without end, nesting without end.
    """
    try:
        found = _decode(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise TokenRefused("a part is not JSON that reads in one way only") from None
    if not isinstance(found, dict):
        raise TokenRefused("a part is not an object of JSON")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number too long")
    return int(digits)


def _constant(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int, parse_constant=_constant).decode
