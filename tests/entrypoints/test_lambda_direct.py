"""Use cases on Lambda without HTTP: the same answers and rules, errors by name, and no FastAPI in the process."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from orderkeep.bootstrap import UseCases
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.entrypoints.direct_calls import CALLS
from orderkeep.entrypoints.lambda_sources import WrongHandler
from tests.entrypoints.direct_asking import ask, refusal
from tests.entrypoints.http_calls import ORDER, PLAIN, http_client
from tests.entrypoints.lambda_calls import KINDS, Request
from tests.entrypoints.lambda_containers import Context, container
from tests.entrypoints.log_reading import Logged

NOT_CALLED = {
    "import_orders": "reads a stream of orders",
    "export_orders": "answers a stream of orders",
    "create_api_key": "answers a secret, which whoever orchestrates calls would keep in its history",
    "list_api_keys": "stays with who makes them",
    "revoke_api_key": "stays with who makes them",
    "authenticate": "is for those who come over HTTP; here IAM has asked",
    "close": "ends the container's store",
}


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, "lambda_direct", ORDERKEEP_STORE="memory://") as module:
        yield module


def test_every_use_case_can_be_called_but_those_that_stream_or_manage_keys() -> None:
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
        "this idempotency key was used for a different request: use a new key",
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
    assert (name, said) == ("version_mismatch", "the order is at version 1, not 3: read it and retry")
    assert ask(direct, "get_order", which) == order


def test_a_store_that_is_away_has_a_name_to_try_again_by(
    direct: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(*_: Any) -> None:
        raise StoreUnavailable("the cable is cut")

    monkeypatch.setattr(direct._use_cases.get_order.queries, "get_snapshot", away)
    name, said = refusal(direct, {"use_case": "get_order", "input": {"order_id": "1"}})
    assert (name, said) == (
        "store_unavailable",
        "the store cannot answer now: try again, with the same idempotency_key",
    )
    assert "the cable is cut" in caplog.text


def test_nobody_is_told_to_try_again_where_somebody_must_mend_it_first(
    direct: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def altered(*_: Any, **__: Any) -> None:
        raise StoreUnusable("the file is not as it was kept")

    monkeypatch.setattr(direct._use_cases.get_document, "execute", altered)
    name, said = refusal(direct, {"use_case": "get_document", "input": {"order_id": "1", "document_id": "a"}})
    assert (name, said) == ("store_unusable", "the store cannot answer until somebody mends it; the log has more")
    assert "the file is not as it was kept" in caplog.text


def test_what_nobody_foresaw_is_logged_and_tells_nothing(
    direct: ModuleType, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("of a secret")

    monkeypatch.setattr(direct._use_cases.get_order.queries, "get_snapshot", broken)
    name, said = refusal(direct, {"use_case": "get_order", "input": {"order_id": "1"}})
    assert name == "internal_error"
    assert "secret" not in said
    line = logged.one("the invocation failed")
    assert (line["request_id"], line["exceptions"][0]["type"]) == (Context().aws_request_id, "ZeroDivisionError")
    assert "secret" not in logged.text


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
