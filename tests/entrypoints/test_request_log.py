"""Lines logged during a request have its ID, method and route; the access log has one line for each request."""

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.bootstrap import bootstrap
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.api.dependencies import ACTOR, REQUEST_ID
from orderkeep.entrypoints.api.shell import log_fields
from tests.entrypoints.http_calls import http_client, placed
from tests.entrypoints.lambda_calls import EveryKind, Request
from tests.entrypoints.lambda_containers import Context, call, container
from tests.entrypoints.log_reading import Logged

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
IDS = {"X-Request-Id": "call-1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
XRAY = "5759e988bd862e3fe1be46a994272793"


async def test_line_has_the_fields_of_its_request(logged: Logged) -> None:
    async def fail(*_: Any) -> Any:
        raise StoreUnavailable("the disk is full: make room")

    use_cases = bootstrap("memory://")
    failing: Any = type("Failing", (), {"execute": staticmethod(fail)})
    async with http_client(replace(use_cases, confirm_order=failing)) as client:
        await client.post("/orders/o-1/confirm", headers=IDS)
    [line] = logged.of("orderkeep")
    assert {**line, "time": ""} == {
        "time": "",
        "level": "error",
        "logger": "orderkeep.http",
        "event": "service unavailable",
        "request_id": "call-1",
        "trace_id": TRACE,
        "method": "POST",
        "route": "/orders/{order_id}/confirm",
        "actor": "staff",
        "code": "store_unavailable",
        "reason": "the disk is full: make room",
    }


async def test_fields_of_a_finished_request_are_in_no_later_line(logged: Logged) -> None:
    import logging

    async with http_client(access_log=True) as client:
        await client.get("/livez", headers=IDS)
    logging.getLogger("orderkeep.other").error("later")
    assert "request_id" not in logged.one("later")


@pytest.mark.parametrize(
    "method, path, told",
    [
        ("GET", "/orders?user_id=jane%40example.com", ("GET", "/orders", 200)),
        ("HEAD", "/orders", ("HEAD", "/orders", 200)),
        ("GET", "/orders/jane@example.com", ("GET", "/orders/{order_id}", 404)),
        ("DELETE", "/orders/jane@example.com", ("DELETE", "/orders/{order_id}", 404)),
        ("GET", "/jane@example.com", ("GET", "none", 404)),
        ("JANE", "/orders", ("other", "/orders", 405)),
        ("OPTIONS", "/orders", ("OPTIONS", "/orders", 405)),
    ],
)
async def test_each_request_is_one_line_of_the_access_log(
    logged: Logged, method: str, path: str, told: tuple[str, str, int]
) -> None:
    async with http_client(access_log=True) as client:
        await client.request(method, path)
    [line] = logged.of("orderkeep.access")
    assert (line["event"], (line["method"], line["route"], line["status"])) == ("request", told)
    assert line["duration_ms"] > 0
    assert "jane" not in logged.text.lower()


async def test_no_request_is_logged_by_default(logged: Logged) -> None:
    async with http_client() as client:
        await placed(client)
    assert logged.of("orderkeep") == []


async def test_failed_request_is_logged_with_its_status(logged: Logged) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with http_client(replace(bootstrap("memory://"), check_store=fail), access_log=True) as client:
        await client.get("/readyz")
    assert (logged.one("request failed")["route"], logged.one("request")["status"]) == ("/readyz", 500)


def test_log_lines_contain_only_the_kind_of_the_actor() -> None:
    scope = {"type": "http", "headers": [], REQUEST_ID: "call-1"}
    assert log_fields(scope, "GET")["actor"] is None
    assert log_fields({**scope, ACTOR: Actor(ActorKind.CUSTOMER, "user-7")}, "GET")["actor"] == "customer"


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    with container(monkeypatch, ORDERKEEP_STORE="memory://", ORDERKEEP_ACCESS_LOG="1") as module:
        yield module


@EveryKind
def test_lambda_logs_the_same_line(
    lambda_handler: ModuleType, event_of: Any, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(lambda_handler, event_of(Request("GET", "/livez", (("X-Amzn-Trace-Id", ROOT),))), Context("invocation-7"))
    call(lambda_handler, event_of(Request("GET", "/livez", tuple(IDS.items()))), Context("invocation-8"))
    monkeypatch.setenv("_X_AMZN_TRACE_ID", ROOT)
    call(lambda_handler, event_of(Request("GET", "/orders/o-1")), Context("invocation-9"))
    lines = logged.of("orderkeep.access")
    assert [(line["request_id"], line["trace_id"], line["route"]) for line in lines] == [
        ("invocation-7", XRAY, "/livez"),
        ("call-1", TRACE, "/livez"),
        ("invocation-9", XRAY, "/orders/{order_id}"),
    ]
