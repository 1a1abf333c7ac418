"""The bodies of requests: any JSON is a command or a list of errors, each where it says; bytes and decoded JSON are
read equally; an order that is placed is stored as it is.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.domain.exceptions import InvalidOrder
from orderkeep.entrypoints.field_errors import InvalidFields
from orderkeep.entrypoints.schemas import CancelBody, PlaceOrderBody, ReceiptBody, parse, parse_json, read_place_order
from tests.fuzz.kept_orders import check_kept

FULL = (
    b'{"user_id": "u", "total": 10260, "currency": "EUR", "lines": [{"sku": "A1", "name": "Lamp", "quantity": 2, '
    b'"unit_price": 4750, "discount": 40, "tax": 190}, {"sku": "B2", "name": "Bulb", "quantity": 3, '
    b'"unit_price": 110}], "shipping": 490, "discount": 294, "tax": 84, "external_ref": "web-1", "tags": ["gift"], '
    b'"metadata": {"k": ""}}'
)

SEEDS = (
    b'{"user_id": "user-42", "total": 9900, "currency": "EUR"}',
    FULL,
    b'{"user_id": "u", "total": 999999999999999, "currency": "KWD", "tags": ["a", "a"], "metadata": {"a/~b": "\\n"}}',
    b'{"reason": "too late", "note": "a\\nb"}',
    b'{"reason": null}',
    b'{"format": "pdf", "version": 3}',
    b'{"format": 1, "colour": 1, "\\u0000": 1}',
)
TOKENS = (
    *(b'"user_id":', b'"total":', b'"currency":', b'"lines":', b'"sku":', b'"name":', b'"quantity":', b'"unit_price":'),
    *(b'"discount":', b'"tax":', b'"shipping":', b'"external_ref":', b'"tags":', b'"metadata":', b'"reason":'),
    *(b'"note":', b'"format":', b'"version":', b'"html"', b'"EUR"', b'"JPY"', b'"KWD"', b"null", b"true", b"[]", b"{}"),
    *(b"999999999999999", b"1000000000000000", b"1000000", b"0", b"-1", b"1.0", b'""', b'" "', b"\\u0000", b"\\u2028"),
    *(b"\\ud800", b"\\u001f", b",", b":"),
)

MODELS = (PlaceOrderBody, CancelBody, ReceiptBody)


def check(data: bytes) -> None:
    """Read the same JSON as each of the bodies that there are."""
    try:
        value = read_json(data)
    except InvalidJSON:
        for model in MODELS:
            _check_not_json(model, data)
        return
    for model in MODELS:
        taken = _taken(lambda model=model: parse(model, value), value)  # type: ignore[misc]
        assert _taken(lambda model=model: parse_json(model, data), value) == taken, "bytes are read differently"  # type: ignore[misc]
        if taken is not None:
            assert parse(model, taken.model_dump()) == taken, "it reads itself differently"
    order = _taken(lambda: read_place_order(value), value)
    if order is not None:
        try:
            placed = order.to_order("order-1", datetime(2026, 5, 6, 7, 8, 9, 10, UTC))
        except InvalidOrder as error:
            _resolve(value, f"/{error.field}", missing=False)
            return
        check_kept(placed)


def _check_not_json(model: Any, data: bytes) -> None:
    try:
        parse_json(model, data)
    except InvalidJSON:
        return
    raise AssertionError("this is not strict JSON, and was accepted")


def _taken(read: Callable[[], Any], value: object) -> Any:
    try:
        return read()
    except InvalidFields as error:
        assert error.errors, "refused, and no reason told"
        for found in error.errors:
            assert found.code
            assert found.message.isprintable()
            assert found.pointer is not None and found.pointer.isprintable()  # noqa: PT018
            _resolve(value, found.pointer, missing=found.code == "field_missing")
        return None


def _resolve(value: Any, pointer: str, *, missing: bool) -> None:
    """Follow a JSON pointer (RFC 6901) through the body; it must lead somewhere."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if missing:
        assert parts.pop() not in _at(value, parts)
    else:
        _at(value, parts)


def _at(value: Any, parts: list[str]) -> Any:
    for part in parts:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
