"""Use cases on Lambda without HTTP: the same answers and rules, errors by name, and no FastAPI in the process."""

import dataclasses
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from orderkeep.bootstrap import UseCases
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.direct_calls import CALLS
from orderkeep.entrypoints.lambda_sources import WrongHandler
from tests.entrypoints.http_calls import ORDER, PLAIN, http_client
from tests.entrypoints.lambda_calls import KINDS, Context, Request, container

NOT_CALLED = {
    "import_orders": "reads a stream of orders",
    "export_orders": "answers a stream of orders",
    "close": "ends the container's store",
}


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, "lambda_direct", ORDERKEEP_STORE="memory://") as module:
        yield module


def ask(module: ModuleType, use_case: str, given: Any = None, **conditions: Any) -> Any:
    """Call a use case as Lambda does: what goes in and comes out is JSON."""
    event = {"use_case": use_case, **({} if given is None else {"input": given}), **conditions}
    return json.loads(json.dumps(module.handler(json.loads(json.dumps(event)), Context("invocation-7"))))


def refusal(module: ModuleType, event: Any) -> tuple[str, str]:
    """Return the name and the message of the error that Lambda reports."""
    with pytest.raises(Exception, match=r"\w") as raised:
        module.handler(event, Context())
    assert raised.value.__cause__ is None
    return type(raised.value).__name__, str(raised.value)


def test_every_use_case_can_be_called_but_those_that_stream() -> None:
    assert {field.name for field in dataclasses.fields(UseCases)} == CALLS.keys() | NOT_CALLED.keys()


def test_an_order_goes_all_its_way(direct: ModuleType) -> None:
    order = ask(direct, "place_order", ORDER)
    which = {"order_id": order["id"]}
    moved = [ask(direct, f"{command}_order", which) for command in ("confirm", "ship", "deliver")]
    assert [(found["status"], found["version"]) for found in moved] == [
        ("processing", 2),
        ("shipped", 3),
        ("delivered", 4),
    ]
    assert ask(direct, "get_order", which) == moved[-1]
    assert ask(direct, "get_order_at", {**which, "version": 1}) == order
    assert ask(direct, "get_order_at", {**which, "at": order["created_at"]}) == order
    history = ask(direct, "get_order_history", {**which, "limit": 3})
    assert [change["order"]["version"] for change in history["data"]] == [1, 2, 3]
    assert {change["actor"] for change in history["data"]} == {"system:direct"}
    assert {change["request_id"] for change in history["data"]} == {"invocation-7"}
    rest = ask(direct, "get_order_history", {**which, "limit": 3, "cursor": history["next_cursor"]})
    assert [change["order"] for change in rest["data"]] == [moved[-1]]
    assert ask(direct, "verify_orders") == {
        "orders": 1,
        "changes": 4,
        "documents": 0,
        "documents_read": 0,
        "problems": [],
    }
    assert ask(direct, "check_store") == {"status": "ready"}


def test_an_order_is_cancelled_with_its_reason(direct: ModuleType) -> None:
    order = ask(direct, "place_order", PLAIN)
    why = {"reason": "changed mind", "note": "by phone\nat noon"}
    cancelled = ask(direct, "cancel_order", {"order_id": order["id"], **why})
    assert cancelled["status"] == "cancelled"
    assert cancelled["cancellation"].items() >= why.items()


def test_orders_are_listed_by_the_filters_of_http(direct: ModuleType) -> None:
    first, second = (ask(direct, "place_order", {**PLAIN, "user_id": user}) for user in ("user-1", "user-2"))
    page = ask(direct, "list_orders", {"limit": 1})
    assert (page["data"], page["has_more"]) == ([second], True)
    assert ask(direct, "list_orders", {"limit": 1, "cursor": page["next_cursor"]})["data"] == [first]
    assert ask(direct, "list_orders", {"user_id": "user-1", "status": "pending"})["data"] == [first]
    assert ask(direct, "list_orders", {"created_to": first["created_at"]})["data"] == []


async def http_answers() -> dict[str, Any]:
    """Return what HTTP answers to a few requests, ids and times aside."""
    async with http_client() as client:
        order = (await client.post("/orders", json=ORDER)).json()
        return {
            "place": order,
            "dry_run": (await client.post("/orders?dry_run=true", json=ORDER)).json(),
            "cancel": (await client.post(f"/orders/{order['id']}/cancel", json={"reason": "changed mind"})).json(),
            "history": (await client.get(f"/orders/{order['id']}/history")).json(),
            "list": (await client.get("/orders")).json(),
        }


async def test_answers_have_the_form_that_they_have_over_http(direct_process: Any) -> None:
    assert form_of(direct_process) == form_of(await http_answers())


@pytest.fixture
def direct_process(direct: ModuleType) -> dict[str, Any]:
    order = ask(direct, "place_order", ORDER)
    return {
        "place": order,
        "dry_run": ask(direct, "place_order", ORDER, dry_run=True),
        "cancel": ask(direct, "cancel_order", {"order_id": order["id"], "reason": "changed mind"}),
        "history": ask(direct, "get_order_history", {"order_id": order["id"]}),
        "list": ask(direct, "list_orders"),
    }


def form_of(answer: Any) -> Any:
    """Return an answer with those of its texts left out that differ from time to time."""
    differ = {"id", "created_at", "updated_at", "at", "actor", "request_id", "hash", "previous_hash"}
    if isinstance(answer, dict):
        return {name: "…" if name in differ else form_of(value) for name, value in answer.items()}
    return [form_of(value) for value in answer] if isinstance(answer, list) else answer


def test_a_key_makes_a_command_happen_once(direct: ModuleType) -> None:
    first = ask(direct, "place_order", PLAIN, idempotency_key="execution-1")
    assert ask(direct, "place_order", PLAIN, idempotency_key="execution-1") == first
    assert len(ask(direct, "list_orders")["data"]) == 1
    name, said = refusal(direct, {"use_case": "place_order", "input": ORDER, "idempotency_key": "execution-1"})
    assert (name, said) == (
        "idempotency_key_reused",
        "this idempotency key was used before, for another request: use a new key",
    )


def test_an_expected_version_and_a_dry_run_change_nothing(direct: ModuleType) -> None:
    order = ask(direct, "place_order", PLAIN)
    which = {"order_id": order["id"]}
    would = ask(direct, "cancel_order", which, dry_run=True, expected_version=1)
    assert (would["dry_run"], would["order"]["status"], would["events"][0]["type"]) == (
        True,
        "cancelled",
        "OrderCancelled",
    )
    name, said = refusal(direct, {"use_case": "cancel_order", "input": which, "expected_version": 3})
    assert (name, said) == ("version_mismatch", "the order is at version 1, not 3: read it again, then decide")
    assert ask(direct, "get_order", which) == order


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
        "/input/user_id must be given; /input/total must be a whole number; /input/currency must be an ISO 4217",
    ),
    "a sum that does not add up": (
        {"use_case": "place_order", "input": {**ORDER, "total": 1}},
        "total_mismatch",
        "/input/total total must be",
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
        "/input/cursor is not a cursor",
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


def test_a_store_that_is_away_has_a_name_to_try_again_by(
    direct: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(*_: Any) -> None:
        raise StoreUnavailable("the cable is cut")

    monkeypatch.setattr(direct._use_cases.get_order.queries, "get_snapshot", away)
    name, said = refusal(direct, {"use_case": "get_order", "input": ORDER_1})
    assert (name, said) == (
        "store_unavailable",
        "the store cannot answer now: try again, with the same idempotency_key",
    )
    assert "the cable is cut" in caplog.text


def test_what_nobody_foresaw_is_logged_and_tells_nothing(
    direct: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("of a secret")

    monkeypatch.setattr(direct._use_cases.get_order.queries, "get_snapshot", broken)
    with caplog.at_level(logging.ERROR, "orderkeep"):
        name, said = refusal(direct, {"use_case": "get_order", "input": ORDER_1})
    assert name == "internal_error"
    assert "secret" not in said
    assert "of a secret" in caplog.text


@pytest.mark.parametrize("event_of", KINDS.values(), ids=KINDS.keys())
def test_http_is_sent_to_its_own_handler(direct: ModuleType, event_of: Any) -> None:
    with pytest.raises(WrongHandler, match=r"it is for orderkeep\.entrypoints\.lambda_handler\.handler"):
        direct.handler(event_of(Request()), Context())


def test_nothing_of_http_is_loaded() -> None:
    script = """
import os, sys
os.environ["ORDERKEEP_STORE"] = "memory://"
from orderkeep.entrypoints import lambda_direct
class Context:
    aws_request_id = "invocation-7"
    def get_remaining_time_in_millis(self): return 3_000
lambda_direct.handler({"use_case": "list_orders"}, Context())
print(*sorted({name.partition(".")[0] for name in sys.modules} | {
    name for name in sys.modules if name.startswith("orderkeep.entrypoints")
}))
"""
    command = [sys.executable, "-W", "error", "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    http = {"fastapi", "starlette", "uvicorn", "uvloop", "httptools", "mangum", "prometheus_client", "anyio"}
    assert not http & set(loaded)
    assert not {"click", "rich", "boto3", "botocore", "asyncpg", "aiohttp"} & set(loaded)
    assert "orderkeep.entrypoints.api" not in loaded
