"""A Lambda container's life: one loop and one connection, through freezes, resets and a store that hangs."""

import asyncio
import gc
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

from orderkeep.infrastructure.dynamo_repo import client
from orderkeep.infrastructure.dynamo_repo.client import DynamoClient
from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.lambda_calls import KINDS, Answered, Request, function_url
from tests.entrypoints.lambda_containers import Context, call, container, let_in
from tests.servers.dynamodb import Server
from tests.servers.tcp_proxy import TcpProxy, tcp_proxy

INVOCATIONS = 10_000
WARM_UP = 1_000
SPARE_BLOCKS = 2_000
"""How many blocks of memory may be more after thousands of invocations: below one for each."""


@dataclass
class Behind:
    """A container whose connections to DynamoDB a test has in hand; `asked` is each request that was tried."""

    module: ModuleType
    proxy: TcpProxy
    asked: list[str] = field(default_factory=list)

    def get(self, target: str, context: Context | None = None) -> Answered:
        return call(self.module, function_url(Request("GET", target)), context)

    def place(self, key: str, context: Context | None = None) -> Answered:
        event = function_url(Request.json("POST", "/orders", PLAIN, Idempotency_Key=key))
        return call(self.module, event, context)


@pytest.fixture
def behind(dynamodb: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    monkeypatch.setattr(client, "FIRST_PAUSE_SECONDS", 0.001)
    name = asyncio.run(dynamodb.new_table())
    with (
        tcp_proxy(dynamodb.endpoint) as proxy,
        container(monkeypatch, ORDERKEEP_STORE=Server(proxy.url).url_of(name)) as module,
    ):
        found, ask = Behind(module, proxy), DynamoClient.call

        async def note(self: DynamoClient, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
            found.asked.append(operation)
            return await ask(self, operation, payload)

        monkeypatch.setattr(DynamoClient, "call", note)
        yield found


def forbidden(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("a loop of its own")


def test_all_invocations_have_one_loop_and_one_connection(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "run", forbidden)
    monkeypatch.setattr(asyncio, "Runner", forbidden)
    monkeypatch.setattr(asyncio, "new_event_loop", forbidden)
    asked_by_aws = [event_of for kind, event_of in KINDS.items() if kind != "load-balancer"]  # no key is looked up
    for number, event_of in enumerate(asked_by_aws * 4):
        request = Request.json("POST", "/orders", PLAIN, Idempotency_Key=f"k-{number}")
        order = call(behind.module, event_of(request)).json()
        assert call(behind.module, event_of(Request("GET", f"/orders/{order['id']}"))).json() == order
    assert behind.proxy.opened == 1


def test_a_loop_that_something_else_ran_meanwhile_takes_nothing_away(behind: Behind) -> None:
    assert behind.get("/readyz").status == 200
    asyncio.run(asyncio.sleep(0))  # leaves the thread without a loop
    assert behind.get("/readyz").status == 200
    assert behind.proxy.opened == 1


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_connections_that_ended_in_a_freeze_are_not_even_tried(behind: Behind, reset: bool) -> None:
    order = behind.place("k-1").json()
    behind.proxy.drop(reset=reset)
    behind.asked.clear()
    assert behind.get(f"/orders/{order['id']}").json() == order
    assert (behind.asked, behind.proxy.opened) == (["GetItem"], 2)


def test_read_with_a_lost_response_is_retried(behind: Behind) -> None:
    order = behind.place("k-1").json()
    behind.asked.clear()
    behind.proxy.cut = 1
    assert behind.get(f"/orders/{order['id']}").json() == order
    assert behind.asked == ["GetItem", "GetItem"]


def test_save_with_a_lost_response_has_one_effect(behind: Behind) -> None:
    behind.get("/readyz")
    order = behind.place("k-1").json()
    behind.asked.clear()
    cancel = function_url(Request("POST", f"/orders/{order['id']}/cancel"))
    behind.proxy.drop()  # the order is read over a new connection, and the answer to that is delivered
    original = DynamoClient.call

    async def cut_saves(self: DynamoClient, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        behind.proxy.cut = int(operation == "TransactWriteItems" and behind.asked.count(operation) == 0)
        return await original(self, operation, payload)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DynamoClient, "call", cut_saves)
        cancelled = call(behind.module, cancel)
    assert (cancelled.status, cancelled.json()["version"]) == (200, 2)
    assert behind.asked.count("TransactWriteItems") == 2
    history = behind.get(f"/orders/{order['id']}/history").json()["data"]
    assert [change["events"][0]["type"] for change in history] == ["OrderPlaced", "OrderCancelled"]


@pytest.mark.parametrize("remaining", [40, 400], ids=["hardly any time", "little time"])
def test_hanging_store_gets_503_before_the_invocation_ends(behind: Behind, remaining: int) -> None:
    order = behind.place("k-1").json()
    behind.asked.clear()
    behind.proxy.fall_silent()
    answer = behind.get(f"/orders/{order['id']}", Context("invocation-7", remaining))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["code"], said["request_id"]) == ("store_unavailable", "invocation-7")
    assert behind.asked == ["GetItem"]  # given up, and not tried again and again
    behind.proxy.speak()
    assert behind.get(f"/orders/{order['id']}").json() == order


def test_a_save_that_hung_can_be_sent_again_with_its_key(behind: Behind) -> None:
    behind.get("/readyz")
    behind.proxy.fall_silent()
    assert behind.place("k-1", Context(remaining=200)).status == 503
    behind.proxy.speak()
    assert behind.place("k-1").status == 201
    assert len(behind.get("/orders").json()["data"]) == 1


def test_no_time_at_all_is_said_too(behind: Behind) -> None:
    assert behind.get("/readyz", Context(remaining=0)).status == 503
    assert behind.get("/readyz").status == 200


CUSTOMERS = (
    {**PLAIN, "user_id": "user-1", "metadata": {"secret": "only-of-1"}},
    {**PLAIN, "user_id": "user-2", "metadata": {"secret": "only-of-2"}},
)


def test_ten_thousand_invocations_for_two_customers_leak_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with container(monkeypatch, ORDERKEEP_STORE=f"sqlite:///{tmp_path}/orders.db") as module:
        blocks = alternate(module)
    assert blocks[-1] - blocks[0] < SPARE_BLOCKS, blocks


def alternate(module: ModuleType, invocations: int = INVOCATIONS) -> list[int]:
    """Invoke the handler for two customers in turn; return the blocks of memory in use, after every so many."""
    events = [list(events_of(module, number)) for number in range(len(CUSTOMERS))]
    blocks = []
    for number in range(invocations + 1):
        if number and number % WARM_UP == 0:
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        customer = number % 2
        event = events[customer][number // 2 % len(events[customer])]
        answer = module.handler(let_in(module, event), Context(f"invocation-{number}"))
        assert answer["statusCode"] in (200, 201, 404, 422), answer
        told = json.dumps(answer)
        assert f"invocation-{number}" in told
        assert f"only-of-{2 - customer}" not in told
        assert f"user-{2 - customer}" not in told
        assert f"only-of-{1 + customer}" in told or answer["statusCode"] >= 400
    return blocks


def events_of(module: ModuleType, number: int) -> Iterator[dict[str, Any]]:
    """Yield what a customer asks for, as events of all kinds: nothing of it writes but a first order."""
    body = CUSTOMERS[number]
    place = Request.json("POST", "/orders", body, Idempotency_Key=f"k-{number}")
    order = call(module, function_url(place)).json()["id"]
    assert call(module, function_url(place)).status == 201
    for event_of in KINDS.values():
        yield event_of(Request("GET", f"/orders/{order}"))
        yield event_of(Request("GET", f"/orders?user_id=user-{number + 1}"))
        yield event_of(Request("GET", f"/orders/{order}/history"))
        yield event_of(Request.json("POST", "/orders?dry_run=true", body))
        yield event_of(Request("POST", f"/orders/{order}/ship"))
        yield event_of(Request("GET", f"/orders/nobody-s-{number}"))
