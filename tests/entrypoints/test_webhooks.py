"""Webhooks over HTTP, on the command line, and with `--remote`: the same subscription, and its secret only once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order
from tests.entrypoints.cli_calls import run
from tests.entrypoints.http_calls import http_client
from tests.entrypoints.served import serving

URL = "http://127.0.0.1:9/hook"
"""Nothing listens there."""

NO_START: tuple[object, ...] = ("AAA", True, -1, 0.5, 10**30, [])


@pytest.fixture
def use_cases() -> UseCases:
    return build_use_cases(InMemoryOrderRepository([small_order("order-1")]))


@pytest.fixture
async def client(use_cases: UseCases) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(use_cases) as client:
        yield client


async def test_created_webhook_has_its_secret_and_location(client: httpx.AsyncClient) -> None:
    created = await client.post("/webhooks", json={"url": URL, "types": ["OrderPlaced"], "start": 0})
    body = created.json()
    assert created.status_code == 201
    assert created.headers["location"] == f"/webhooks/{body['id']}"
    assert created.headers["etag"] == '"1"'
    shown = await client.get(created.headers["location"])
    assert shown.json() == {name: value for name, value in body.items() if name != "secret"}
    assert (await client.get("/webhooks")).json() == {"data": [shown.json()], "has_more": False, "next_cursor": None}


async def test_repeated_creation_returns_the_same_webhook(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "key-1"}
    first, again = [await client.post("/webhooks", json={"url": URL}, headers=key) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    other = await client.post("/webhooks", json={"url": URL, "tag": "gift"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    "body, pointer, code",
    [
        ({}, "/url", "field_missing"),
        ({"url": "http://10.0.0.1/"}, "/url", "invalid_url"),
        ({"url": URL, "types": ["Nothing"]}, "/types/0", "unknown_event_type"),
        ({"url": URL, "start": 2}, "/start", "position_out_of_range"),
        *(({"url": URL, "start": start}, "/start", "position_out_of_range") for start in NO_START),
        ({"url": URL, "secret": "mine"}, "/secret", "unknown_field"),
    ],
)
async def test_invalid_webhook_is_rejected(
    client: httpx.AsyncClient, body: dict[str, object], pointer: str, code: str
) -> None:
    rejected = await client.post("/webhooks", json=body)
    assert rejected.status_code == 422
    assert [(each["pointer"], each["code"]) for each in rejected.json()["errors"]] == [(pointer, code)]


VALUES: tuple[object, ...] = (
    "",
    "AAA",
    "\n",
    "x" * 3_000,
    True,
    False,
    -1,
    0,
    0.5,
    1e308,
    10**30,
    [],
    [[]],
    {},
    ["AAA"] * 300,
    [1],
    None,
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
async def test_no_value_of_a_field_is_an_internal_error(client: httpx.AsyncClient, value: object) -> None:
    path = (await client.post("/webhooks", json={"url": URL})).headers["location"]
    names = {
        ("POST", "/webhooks"): ("url", "types", "tag", "description", "start"),
        ("PATCH", path): ("url", "types", "tag", "description", "status"),
        ("POST", f"{path}/replay"): ("first", "last"),
    }
    found = {}
    for (method, target), fields in names.items():
        valid: dict[str, object] = {"first": 1, "last": 1} if target.endswith("replay") else {"url": URL}
        for name in fields:
            response = await client.request(method, target, json=valid | {name: value})
            if response.status_code not in (200, 201):
                errors = [each["pointer"].startswith(f"/{name}") for each in response.json()["errors"]]
                found[method, target, name] = response.status_code, all(errors)
    assert {each: result for each, result in found.items() if result != (422, True)} == {}


async def test_rejected_choice_and_range_name_what_is_allowed(client: httpx.AsyncClient) -> None:
    path = (await client.post("/webhooks", json={"url": URL})).headers["location"]
    status = await client.patch(path, json={"status": "pending"})
    assert status.json()["detail"] == "/status must be one of active, paused"
    replay = await client.post(f"{path}/replay", json={"first": 0, "last": 10**15})
    assert [(each["pointer"], each["code"]) for each in replay.json()["errors"]] == [
        ("/first", "position_out_of_range"),
        ("/last", "position_out_of_range"),
    ]


async def test_update_takes_the_version_and_null(client: httpx.AsyncClient) -> None:
    made = (await client.post("/webhooks", json={"url": URL, "tag": "gift", "description": "Shop"})).json()
    path = f"/webhooks/{made['id']}"
    other = await client.patch(path, json={"tag": None}, headers={"If-Match": '"7"'})
    assert (other.status_code, other.headers["etag"]) == (412, '"1"')
    assert other.json()["detail"].startswith("the webhook is at version 1, which If-Match does not list")
    updated = await client.patch(path, json={"tag": None, "status": "paused"}, headers={"If-Match": '"1"'})
    assert (updated.status_code, updated.headers["etag"]) == (200, '"2"')
    body = updated.json()
    assert (body["tag"], body["description"], body["status"]) == (None, "Shop", "paused")
    assert (await client.delete(path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.delete(path)).status_code == 204
    gone = await client.get(path)
    assert (gone.status_code, gone.json()["code"]) == (404, "webhook_not_found")


async def test_deliveries_are_paged(client: httpx.AsyncClient, use_cases: UseCases) -> None:
    made = (await client.post("/webhooks", json={"url": URL, "start": "beginning"})).json()
    path = f"/webhooks/{made['id']}"
    await client.post("/orders", json={"user_id": "user-1", "total": 1, "currency": "EUR"})
    while await use_cases.deliver_webhooks.execute():
        pass
    first = await client.get(f"{path}/deliveries", params={"limit": 1})
    [delivery] = first.json()["data"]
    assert (delivery["delivered"], delivery["status"], delivery["attempt"]) == (False, None, 1)
    assert delivery["error"] == "the connection was refused"
    rest = await client.get(first.headers["link"].partition(">")[0].lstrip("<"))
    assert len(rest.json()["data"]) == 1
    for params, number in ({"state": "failed"}, 2), ({"state": "failed", "type": "OrderPlaced"}, 1):
        assert len((await client.get(f"{path}/deliveries", params=params)).json()["data"]) == number
    failed = await client.get(f"{path}/deliveries", params={"state": "failed", "limit": 1})
    assert "state=failed" in failed.headers["link"]
    for others in ({"state": "delivered"}, {"type": "OrderCancelled"}):
        assert (await client.get(f"{path}/deliveries", params=others)).json()["data"] == []
    for wrong in ({"state": "lost"}, {"type": "Lost"}):
        assert (await client.get(f"{path}/deliveries", params=wrong)).status_code == 422
    assert (await client.get(path)).json()["waiting_orders"] == 2
    await use_cases.close()


def test_command_line_manages_webhooks(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/orders.db")
    created = run(*store, "webhooks", "create", URL, "--type", "OrderPlaced", cwd=tmp_path)
    secret = created.stdout.decode().strip()
    assert (created.returncode, secret[:6]) == (0, "whsec_")
    listed = json.loads(run(*store, "webhooks", "list", "--json", cwd=tmp_path).stdout)
    [webhook] = listed["data"]
    assert (webhook["url"], webhook["types"]) == (URL, ["OrderPlaced"])
    updated = run(*store, "webhooks", "update", webhook["id"], "--all-types", "--tag", "gift", "--json", cwd=tmp_path)
    assert (json.loads(updated.stdout)["types"], json.loads(updated.stdout)["tag"]) == ([], "gift")
    for arguments, code in (
        (("update", webhook["id"]), 2),
        (("update", webhook["id"], "--tag", "x", "--no-tag"), 2),
        (("update", webhook["id"], "--type", "OrderPlaced", "--all-types"), 2),
        (("update", webhook["id"], "--no-tag", "--expected-version", "1"), 4),
        (("create", "http://10.0.0.1/"), 5),
        (("create", URL, "--start", "later"), 2),
        (("test", webhook["id"]), 4),
        (("replay", webhook["id"], "--first", "1", "--last", "2"), 5),
        (("pause", webhook["id"]), 0),
        (("resume", webhook["id"]), 0),
        (("deliveries", webhook["id"]), 0),
        (("delete", webhook["id"]), 0),
        (("show", webhook["id"]), 3),
    ):
        done = run(*store, "webhooks", *arguments, cwd=tmp_path)
        assert done.returncode == code, (arguments, done.stderr)
        assert secret not in done.stdout.decode() + done.stderr.decode()


def test_remote_commands_use_the_server(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/orders.db", relay="false") as (client, _):
        remote = ("--remote", str(client.base_url).rstrip("/"))
        create = (*remote, "webhooks", "create", URL, "--key", "key-1", "--json")
        created, again = [json.loads(run(*create, cwd=tmp_path).stdout) for _ in range(2)]
        assert created["secret"].startswith("whsec_")
        assert created == again
        rotate = (*remote, "webhooks", "rotate-secret", created["id"], "--json", "--key", "key-2")
        rotated, again = [json.loads(run(*rotate, cwd=tmp_path).stdout) for _ in range(2)]
        assert rotated["secret"] not in ("", created["secret"])
        assert rotated == again
        shown = run(*remote, "webhooks", "show", created["id"], "--json", cwd=tmp_path).stdout
        assert json.loads(shown) == client.get(f"/webhooks/{created['id']}").json()
        store = ("--store", f"sqlite:///{tmp_path}/orders.db")
        run(*store, "place", "--user", "ada", "--total", "1", "--currency", "EUR", cwd=tmp_path)
        run(*store, "relay", "--once", cwd=tmp_path)
        list_all = ("webhooks", "deliveries", created["id"])
        for given, number in (
            ((), 1),
            (("--state", "failed"), 1),
            (("--state", "delivered"), 0),
            (("--type", "OrderPlaced"), 1),
            (("--type", "NoteAdded"), 0),
        ):
            found = [run(*where, *list_all, *given, cwd=tmp_path).stdout for where in (store, remote)]
            assert found[0] == found[1]
            assert len(found[0].splitlines()) == number, given
        for arguments, code in (
            (("list",), 0),
            (("update", created["id"], "--tag", "gift", "--expected-version", "2"), 0),
            (("update", created["id"], "--tag", "gifts", "--expected-version", "2"), 4),
            (("test", created["id"]), 4),
            (("replay", created["id"], "--first", "1", "--last", "9"), 5),
            (("pause", created["id"]), 0),
            (("resume", created["id"]), 0),
            (("deliveries", created["id"], "--all"), 0),
            (("delete", created["id"]), 0),
            (("delete", created["id"]), 3),
        ):
            done = run(*remote, "webhooks", *arguments, cwd=tmp_path)
            assert done.returncode == code, (arguments, done.stderr)
