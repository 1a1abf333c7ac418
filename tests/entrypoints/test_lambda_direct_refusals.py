"""Direct calls that are refused: raised by the name of their code, with the place and the rule, and nothing done."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.entrypoints.direct_asking import ask, refusal
from tests.entrypoints.http_calls import ORDER, PLAIN
from tests.entrypoints.lambda_containers import container


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, "lambda_direct", ORDERKEEP_STORE="memory://") as module:
        yield module


ORDER_1 = {"order_id": "1"}
REFUSED: dict[str, tuple[Any, str, str]] = {
    "unknown order": (
        {"use_case": "get_order", "input": ORDER_1},
        "order_not_found",
        "Order not found",
    ),
    "unknown use case": (
        {"use_case": "burn_order"},
        "invalid_fields",
        "/use_case must be one of place_order, get_order, ",
    ),
    "a method of Python": ({"use_case": "__class__"}, "invalid_fields", "/use_case must be one of "),
    "what streams": ({"use_case": "export_orders"}, "invalid_fields", "/use_case must be one of "),
    "no use case": ({}, "invalid_fields", "/use_case must be given"),
    "no object": ([], "invalid_fields", "must be an object"),
    "nothing": (None, "invalid_fields", "must be an object"),
    "unknown field": ({"use_case": "check_store", "inputs": {}}, "invalid_fields", "/inputs is not known here"),
    "unknown input": (
        {"use_case": "cancel_order", "input": {**ORDER_1, "why": "x"}},
        "invalid_fields",
        "/input/why is not known here",
    ),
    "missing input": ({"use_case": "get_order"}, "invalid_fields", "/input/order_id must be given"),
    "input that is none": ({"use_case": "verify_orders", "input": ORDER_1}, "invalid_fields", "/input/order_id is not"),
    "a number as an id": (
        {"use_case": "get_order", "input": {"order_id": 1}},
        "invalid_fields",
        "/input/order_id must be a text",
    ),
    "half a letter": ({"use_case": "get_order", "input": {"order_id": "\ud800"}}, "invalid_fields", "/input/order_id "),
    "a text as an amount": (
        {"use_case": "place_order", "input": {**PLAIN, "total": "9900"}},
        "invalid_fields",
        "/input/total must be a whole number",
    ),
    "a fraction as an amount": (
        {"use_case": "place_order", "input": {**PLAIN, "total": 9900.0}},
        "invalid_fields",
        "/input/total must be a whole number",
    ),
    "all that is wrong": (
        {"use_case": "place_order", "input": {"total": True, "currency": "euro"}},
        "invalid_fields",
        "/input/user_id must be given; /input/total must be a whole number; /input/currency must be a supported",
    ),
    "a sum that does not add up": (
        {"use_case": "place_order", "input": {**ORDER, "total": 1}},
        "total_mismatch",
        "/input/total total must eq",
    ),
    "a number for dry_run": (
        {"use_case": "place_order", "input": PLAIN, "dry_run": 1},
        "invalid_fields",
        "/dry_run must be true or false",
    ),
    "an empty key": (
        {"use_case": "place_order", "input": PLAIN, "idempotency_key": ""},
        "invalid_fields",
        "/idempotency_key must be a key of 1 to 255 printable ASCII characters",
    ),
    "version nought": (
        {"use_case": "ship_order", "input": ORDER_1, "expected_version": 0},
        "invalid_fields",
        "/expected_version must be a whole number from 1",
    ),
    "a version of what is not there": (
        {"use_case": "place_order", "input": PLAIN, "expected_version": 1},
        "invalid_fields",
        "/expected_version goes with an order that is there",
    ),
    "a key for a question": (
        {"use_case": "get_order", "input": ORDER_1, "idempotency_key": "k"},
        "invalid_fields",
        "/idempotency_key goes with commands, and get_order is none",
    ),
    "two times": (
        {"use_case": "get_order_at", "input": {**ORDER_1, "version": 1, "at": "2026-11-22T10:00:00Z"}},
        "invalid_fields",
        "/input/at must be given, or version in its place",
    ),
    "no time": ({"use_case": "get_order_at", "input": ORDER_1}, "invalid_fields", "/input/at must be given"),
    "a page that is too large": (
        {"use_case": "list_orders", "input": {"limit": 201}},
        "invalid_query",
        "/input/limit must be from 1 to 200",
    ),
    "a cursor of somebody's": (
        {"use_case": "list_orders", "input": {"cursor": "x"}},
        "invalid_cursor",
        "/input/cursor is not valid for this list",
    ),
}


@pytest.mark.parametrize("event, code, said", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_is_raised_by_its_code_and_names_the_place(
    direct: ModuleType, event: Any, code: str, said: str
) -> None:
    name, message = refusal(direct, event)
    assert (name, message[: len(said)]) == (code, said)
    assert ask(direct, "list_orders")["data"] == []


def test_a_refused_command_has_the_name_of_its_refusal(direct: ModuleType) -> None:
    order = ask(direct, "place_order", PLAIN)
    event = {"use_case": "ship_order", "input": {"order_id": order["id"]}}
    assert refusal(direct, event) == ("cannot_ship_order", "Order cannot be shipped: it is pending")
