"""Each parameter that the OpenAPI document lists changes the response of its operation, or what it does."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from orderkeep.bootstrap import build_use_cases
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.entrypoints.http_calls import ORDER, PLAIN, document, http_client
from tests.receipts import PlainReceipts

ONE = "/orders/{order_id}"
PAYMENT = {"reference": "pay-1", "kind": "captured", "amount": 9}
REFUND = {"reference": "ref-1", "amount": 7}
NOTE = {"text": "Called."}
HOLD = {"reason": "fraud"}
DELIVERED = ["confirm", "ship", "deliver"]
WEBHOOK = {"url": "http://127.0.0.1:9/hook", "start": "beginning"}
"""Nothing listens there."""

READY: dict[str, list[str]] = {
    "ship": ["confirm"],
    "deliver": ["confirm", "ship"],
    "release": ["hold"],
    "shipments": ["confirm"],
    "shipments/{shipment_id}": ["confirm", "ship"],
    "shipments/{shipment_id}/deliver": ["confirm", "ship"],
    "refunds": ["payments"],
    "refunds/{reference}": ["payments", "refunds"],
    "returns": DELIVERED,
    **{f"returns/{{return_id}}/{command}": [*DELIVERED, "returns"] for command in ("receive", "reject", "cancel")},
    "notes/{note_id}": ["notes"],
}
"""The commands that an order needs before each one."""

BODIES: dict[tuple[str, str], Any] = {
    ("post", "/orders"): PLAIN,
    ("post", "/erasures"): {"user_id": ORDER["user_id"]},
    ("post", f"{ONE}/payments"): PAYMENT,
    ("post", f"{ONE}/refunds"): REFUND,
    ("patch", f"{ONE}/refunds/{{reference}}"): {"status": "failed"},
    ("patch", f"{ONE}/shipments/{{shipment_id}}"): {"carrier": "DHL"},
    ("post", f"{ONE}/hold"): HOLD,
    ("post", f"{ONE}/notes"): NOTE,
    ("patch", f"{ONE}/notes/{{note_id}}"): {"text": "Called twice."},
    ("patch", ONE): {"tags": ["fragile"]},
    ("post", "/webhooks"): WEBHOOK,
    ("patch", "/webhooks/{webhook_id}"): {"tag": "fragile"},
    ("post", "/webhooks/{webhook_id}/replay"): {"first": 1, "last": 1},
}
"""The bodies of the operations that need one."""

PARTS = {"{shipment_id}": "s1", "{reference}": "ref-1", "{return_id}": "r1", "{note_id}": "n1"}


def listed(kind: str) -> list[tuple[str, str, str]]:
    """Return method, path and name of each parameter of that kind."""
    return [
        (method, path, parameter["name"])
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == kind
    ]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    use_cases = build_use_cases(InMemoryOrderRepository(), InMemoryDocumentStore(), {"html": PlainReceipts()})
    async with http_client(use_cases) as client:
        yield client
    await use_cases.close()


async def call(client: httpx.AsyncClient, method: str, path: str, target: str, **given: Any) -> httpx.Response:
    """Call an operation on a target, with the body that it needs."""
    return await client.request(method, target, json=BODIES.get((method, path)), **given)


async def ready_for(client: httpx.AsyncClient, path: str) -> tuple[str, str]:
    """Place an order and run the commands that come before; return the path of the operation, and the entity tag."""
    placed = await client.post("/orders", json=ORDER)
    own = f"/orders/{placed.json()['id']}"
    etag = placed.headers["etag"]
    for command in READY.get(path.removeprefix(f"{ONE}/"), []):
        etag = (await client.post(f"{own}/{command}", json=BODIES.get(("post", f"{ONE}/{command}")))).headers["etag"]
    target = path.replace(ONE, own)
    for parameter, part in PARTS.items():
        target = target.replace(parameter, part)
    if "{event_id}" in path:
        target = f"/events/{placed.json()['id']}.1.1"
        etag = f'"{placed.json()["id"]}.1.1-thin"'
    if "{webhook_id}" in path:
        created = await client.post("/webhooks", json={"url": WEBHOOK["url"]})  # after the order
        target, etag = path.replace("{webhook_id}", created.json()["id"]), created.headers["etag"]
    if "{document_id}" in path:
        issued = await client.post(f"{own}/documents/receipt")
        target, etag = issued.headers["location"], f'"{issued.json()["id"]}"'
    return target, etag


@pytest.mark.parametrize("method, path, name", listed("header"))
async def test_header_has_an_effect(client: httpx.AsyncClient, method: str, path: str, name: str) -> None:
    target, etag = await ready_for(client, path)
    match name:
        case "Idempotency-Key":
            first, again = [await call(client, method, path, target, headers={name: "key-1"}) for _ in range(2)]
            assert (first.is_success, again.headers["idempotency-replayed"]) == (True, "true")
        case "If-Match":
            assert (await call(client, method, path, target, headers={name: '"99"'})).status_code == 412
            assert (await call(client, method, path, target, headers={name: etag})).is_success
        case "If-None-Match":
            assert (await call(client, method, path, target, headers={name: '"99"'})).status_code == 200
            assert (await call(client, method, path, target, headers={name: etag})).status_code == 304
        case "X-Request-Id":
            assert (await call(client, method, path, target, headers={name: "call-7"})).headers[name] == "call-7"
        case _:
            pytest.fail("test the effect of this header")


@pytest.mark.parametrize(
    "method, path", [(method, path) for method, path, name in listed("query") if name == "dry_run"]
)
async def test_dry_run_changes_nothing(client: httpx.AsyncClient, method: str, path: str) -> None:
    target, _ = await ready_for(client, path)
    before = await client.get("/orders")
    assert (await call(client, method, path, target, params={"dry_run": "true"})).is_success
    assert (await client.get("/orders")).text == before.text
    assert (await call(client, method, path, target, params={"dry_run": "false"})).is_success
    assert (await client.get("/orders")).text != before.text


VALUES = {
    "user_id": PLAIN["user_id"],
    "status": "processing",
    "tag": ORDER["tags"][0],
    "external_ref": ORDER["external_ref"],
    "created_from": "2999-01-01T00:00:00Z",
    "created_to": "1999-01-01T00:00:00Z",
    "limit": "1",
    "version": "1",
    "shipping_status": "delivered",
    "payment_status": "paid",
    "return_status": "requested",
    **dict.fromkeys(("on_hold", "refund_due", "void_due", "needs_attention"), "true"),
    "q": ORDER["external_ref"],
    "after": "1",
    "data": "full",
    "from": "2026-10-01",
    "to": "2999-01-01",
    "timezone": "Asia/Kathmandu",
    "by": "month",
    "state": "delivered",
    "type": "OrderConfirmed",
}
IN_ADDITION = {"dry_run", "wait"}
"""Parameters that are tested on their own."""


@pytest.mark.parametrize("method, path, name", [each for each in listed("query") if each[2] not in IN_ADDITION])
async def test_query_parameter_has_an_effect(client: httpx.AsyncClient, method: str, path: str, name: str) -> None:
    order = (await client.post("/orders", json=ORDER)).json()
    await client.post("/orders", json=PLAIN)
    await client.post(f"/orders/{order['id']}/confirm")
    target = path.replace("{order_id}", order["id"]).replace("{event_id}", f"{order['id']}.1.1")
    values = VALUES | {"at": order["created_at"]}
    if "{webhook_id}" in path:
        target = path.replace("{webhook_id}", (await client.post("/webhooks", json=WEBHOOK)).json()["id"])
        while await client._transport.app.use_cases.deliver_webhooks.execute():  # type: ignore[attr-defined]
            pass
    if name == "cursor":
        values["cursor"] = (await client.get(target, params={"limit": 1})).json()["next_cursor"]
    without, given = await client.get(target), await client.get(target, params={name: values[name]})
    assert (without.status_code, given.status_code) == (200, 200)
    assert given.text != without.text


INTEGERS = {"limit": "from 1 to 200", "wait": "from 0 to 20", "after": f"from 0 to {10**18 - 1}"}
INTEGERS["version"] = f"from 1 to {10**18 - 1}"


@pytest.mark.parametrize("value", ["-1", "9" * 20, "1.5", "x" * 2_000])
@pytest.mark.parametrize("method, path, name", listed("query"))
async def test_error_says_which_values_are_valid(
    client: httpx.AsyncClient, method: str, path: str, name: str, value: str
) -> None:
    response = await client.request(method, path, params={name: value}, json=BODIES.get((method, path)))
    messages = [error["message"] for error in response.json().get("errors", ())]
    assert "is not valid" not in messages
    if name in INTEGERS:
        assert messages == [f"must be a whole number {INTEGERS[name]}"]
    if (name, len(value)) == ("q", 2_000):
        assert messages == ["must have at most 254 characters"]


KEYED = ("test", "rotate-secret", "replay")


def test_every_operation_that_takes_a_key_takes_a_dry_run_too() -> None:
    keys = {(method, path) for method, path, name in listed("header") if name == "Idempotency-Key"}
    writes = {(method, path) for method, path, name in listed("query") if name == "dry_run"}
    of_webhooks = {("post", f"/webhooks{path}") for path in ("", *(f"/{{webhook_id}}/{each}" for each in KEYED))}
    assert keys - of_webhooks == writes - {("post", "/erasures")}, "a repeated erasure changes nothing"
    others = {(method, path) for method, path, _ in listed("header") if method != "get"}
    assert writes == {(method, path) for method, path in others if not path.startswith("/webhooks")}
