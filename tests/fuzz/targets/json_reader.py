"""The JSON reader: what it takes, two other readers take and understand in the same way; what it refuses, it refuses
for a reason that is there.
"""

import json
import re
from typing import Any, NoReturn

import msgspec

from orderkeep.application.strict_json import MAX_DEPTH, MAX_NUMBER_LENGTH, InvalidJSON, read_json

SEEDS = (
    b'{"user_id": "user-42", "total": 9900, "lines": [], "more": {"a": [true, false, null]}}',
    b'{"a": 1, "b": {"a": 2}, "a": 3}',
    b"[-0, -0.0, 1e5, 0.1E-7, 123456789012345678901234567890]",
    b'["\\u0041", "\\ud83d\\ude00", "\\ud800", "\\"\\\\\\/\\b\\f\\n\\r\\t"]',
    '["ß", "日本", "😀"]'.encode(),
    b"[NaN, Infinity, -Infinity]",
    b"[1e400]",
    b"1" * (MAX_NUMBER_LENGTH + 1),
    b"[[[[[[]]]]]]",
    b"[" * MAX_DEPTH + b'"[{"' + b"]" * MAX_DEPTH,
    b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    b"\xef\xbb\xbf{}",
    b'"\xed\xa0\x80"',
)
TOKENS = (
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"true", b"false", b"null", b"NaN", b"Infinity", b"-", b"e400"),
    *(b"\\u", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b'"a":', b'"b":', b'{"a":1}', b"\xed\xa0\x80", b"\xff"),
)

_PLACE = re.compile(r"line (\d+), column (\d+)$")


def check(data: bytes) -> None:
    """Read, and hold the answer or the refusal to what the standard library makes of the same bytes."""
    try:
        value = read_json(data)
    except InvalidJSON as error:
        _check_refusal(data, str(error))
        return
    assert _depth(value) <= MAX_DEPTH
    assert _form(value) == _form(json.loads(data.decode())), "json understands it differently"
    assert _form(value) == _form(msgspec.json.decode(data)), "msgspec understands it differently"
    assert _form(value) == _form(read_json(json.dumps(value, ensure_ascii=False).encode())), "reads itself differently"


def _form(value: Any) -> str:
    return repr(value)  # tells 1, 1.0 and True apart, and 0.0 from -0.0, and shows the order of keys


def _check_refusal(data: bytes, message: str) -> None:
    if found := _PLACE.search(message):
        line, column = int(found[1]), int(found[2])
        lines = data.decode().split("\n")
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
    assert not _is_plain(data), f"refused for nothing: {message}"


def _is_plain(data: bytes) -> bool:
    """Tell whether it is JSON without all that the reader says it refuses."""
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_refuse,
        )  # fmt: skip
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return _depth(value) <= MAX_DEPTH


def _depth(value: Any) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if below is None else 1 + max(map(_depth, below), default=0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def _number(digits: str) -> float:
    number = float(digits)
    if len(digits) > MAX_NUMBER_LENGTH or number - number != 0:
        raise ValueError
    return number


def _refuse(_: str) -> NoReturn:
    raise ValueError
