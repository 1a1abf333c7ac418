"""Every operation of the OpenAPI document, called without credentials, with invalid ones, by a customer, another
customer, and staff with and without the scope. An operation without a row fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.bootstrap import UseCases
from orderkeep.bootstrap.stores import open_store
from orderkeep.entrypoints.api.authentication import OPEN_PATHS
from orderkeep.testing.orders import place_command
from tests.entrypoints.credentials import Headers, customer, guarded_client, staff, use_cases_with_keys
from tests.entrypoints.http_calls import PLAIN, document

OWNER, STRANGER = "user-1", "user-2"
PARTS = {
    "document_id": "0" * 64,
    "shipment_id": "s1",
    "reference": "ref-1",
    "return_id": "r1",
    "note_id": "n1",
    "event_id": "x.1.1",
    "webhook_id": "wh_aaaaaaaaaaaaaaaa",
}
"""The other parameters of paths."""

RECEIVER = "http://127.0.0.1:9/hook"
"""Nothing listens there."""


@dataclass(frozen=True)
class Row:
    """Who may ask for an operation: staff with `scope` (None: everybody), and where `for_customers` the order's own.
    `good` is then the status; `moves` bring the order to where the operation takes it; `body` is what is sent.
    """

    scope: Scope | None
    good: int = 200
    for_customers: bool = False
    moves: tuple[str, ...] = ()
    body: Any = None


DELIVERED = ("confirm_order", "ship_order", "deliver_order")
RETURNING = (*DELIVERED, "request_return")
WITH_VALUES: dict[str, Callable[[UseCases, str], Awaitable[CommandResult]]] = {
    "hold": lambda do, which: do.hold_order.execute(which, "fraud"),
    "pay": lambda do, which: do.record_payment.execute(which, "pay-0", "captured", 9),
    "refund": lambda do, which: do.add_refund.execute(which, "ref-1", 8),
    "note": lambda do, which: do.add_note.execute(which, "Will call."),
}
"""Moves that take more than the order's ID."""

ROWS = {
    "place_order": Row(Scope.WRITE, 201, body=PLAIN),
    "list_orders": Row(Scope.READ, for_customers=True),
    "get_order": Row(Scope.READ, for_customers=True),
    "get_order_actions": Row(Scope.READ, for_customers=True),
    "get_order_history": Row(Scope.READ, for_customers=True),
    "confirm_order": Row(Scope.WRITE),
    "ship_order": Row(Scope.SHIP, moves=("confirm_order",)),
    "deliver_order": Row(Scope.SHIP, moves=("confirm_order", "ship_order")),
    "cancel_order": Row(Scope.CANCEL, for_customers=True, body={"reason": "changed mind"}),
    "delete_order": Row(Scope.CANCEL, for_customers=True),
    "cancel_lines": Row(Scope.CANCEL, for_customers=True),
    "hold_order": Row(Scope.WRITE, body={"reason": "fraud"}),
    "release_order": Row(Scope.WRITE, moves=("hold",)),
    "add_shipment": Row(Scope.SHIP, moves=("confirm_order",)),
    "update_shipment": Row(Scope.SHIP, moves=("confirm_order", "ship_order"), body={"carrier": "DHL"}),
    "deliver_shipment": Row(Scope.SHIP, moves=("confirm_order", "ship_order")),
    "record_payment": Row(Scope.PAY, body={"reference": "pay-1", "kind": "captured", "amount": 7}),
    "add_refund": Row(Scope.REFUND, moves=("pay",), body={"reference": "ref-1", "amount": 7}),
    "close_refund": Row(Scope.REFUND, moves=("pay", "refund"), body={"status": "succeeded"}),
    "request_return": Row(Scope.CANCEL, for_customers=True, moves=DELIVERED),
    "receive_return": Row(Scope.REFUND, moves=RETURNING),
    "reject_return": Row(Scope.REFUND, moves=RETURNING),
    "cancel_return": Row(Scope.REFUND, moves=RETURNING),
    "edit_order": Row(Scope.WRITE, body={"metadata": {"channel": "phone"}}),
    "erase_personal_data": Row(Scope.ERASE, body={"user_id": OWNER}),
    "add_note": Row(Scope.WRITE, body={"text": "Called."}),
    "edit_note": Row(Scope.WRITE, moves=("note",), body={"text": "Called twice."}),
    "issue_receipt": Row(Scope.READ, 201, for_customers=True),
    "list_documents": Row(Scope.READ, for_customers=True, moves=("issue_receipt",)),
    "get_document": Row(Scope.READ, for_customers=True, moves=("issue_receipt",)),
    "list_events": Row(Scope.EVENTS),
    "get_event": Row(Scope.EVENTS),
    "create_webhook": Row(Scope.WEBHOOKS, 201, body={"url": RECEIVER}),
    "list_webhooks": Row(Scope.WEBHOOKS),
    "get_webhook": Row(Scope.WEBHOOKS),
    "update_webhook": Row(Scope.WEBHOOKS, body={"tag": "gift"}),
    "delete_webhook": Row(Scope.WEBHOOKS, 204),
    "send_webhook_test": Row(Scope.WEBHOOKS),
    "pause_webhook": Row(Scope.WEBHOOKS),
    "resume_webhook": Row(Scope.WEBHOOKS),
    "rotate_webhook_secret": Row(Scope.WEBHOOKS),
    "replay_webhook": Row(Scope.WEBHOOKS, body={"first": 1, "last": 1}),
    "list_webhook_deliveries": Row(Scope.WEBHOOKS),
    "get_statistics": Row(Scope.STATISTICS),
    "get_lifecycle": Row(None),
    "get_liveness": Row(None),
    "get_readiness": Row(None),
    "get_metrics": Row(None),
}
OPERATIONS: dict[str, tuple[str, str]] = {
    operation["operationId"]: (method.upper(), path)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
}
OF_ONE_ORDER = [name for name, (_, path) in OPERATIONS.items() if "{order_id}" in path]
KNOWN = [name for name, row in ROWS.items() if row.scope]


@dataclass(frozen=True)
class Shop:
    """A store with an order of the owner's, and those who ask for it."""

    use_cases: UseCases
    client: httpx.AsyncClient

    async def order(self, name: str) -> dict[str, str]:
        """Return what the operation's path names: an order of the owner's, as the operation takes it."""
        placed = await self.use_cases.place_order.execute(place_command(user_id=OWNER), CommandContext())
        given = {"order_id": placed.order.id, **PARTS, "event_id": f"{placed.order.id}.1.1"}
        if "{webhook_id}" in OPERATIONS[name][1]:
            given["webhook_id"] = (await self.use_cases.create_webhook.execute(RECEIVER)).id
        for move in ROWS[name].moves:
            if move in WITH_VALUES:
                await WITH_VALUES[move](self.use_cases, placed.order.id)
                continue
            moved = await getattr(self.use_cases, move).execute(placed.order.id)
            if move == "issue_receipt":
                given["document_id"] = moved.document.id
        return given

    async def ask(self, name: str, given: dict[str, str], headers: Headers) -> httpx.Response:
        method, path = OPERATIONS[name]
        return await self.client.request(method, path.format(**given), headers=headers, json=ROWS[name].body)


@pytest.fixture
async def shop(store_url: str) -> AsyncIterator[Shop]:
    store = open_store(store_url)
    use_cases = use_cases_with_keys(store)
    async with guarded_client(use_cases) as client:
        yield Shop(use_cases, client)
    await use_cases.close()


def test_every_operation_has_its_row() -> None:
    assert OPERATIONS.keys() == ROWS.keys()
    assert {path for name, (_, path) in OPERATIONS.items() if ROWS[name].scope is None} <= OPEN_PATHS


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer ok_0000000000_x"}], ids=["none", "bad"])
async def test_no_request_passes_without_valid_credentials(shop: Shop, headers: Headers) -> None:
    for name, row in ROWS.items():
        answer = await shop.ask(name, await shop.order(name), headers)
        assert answer.status_code == (401 if row.scope else row.good), name
        assert ("www-authenticate" in answer.headers) == bool(row.scope)


async def test_customers_may_ask_for_what_is_theirs(shop: Shop) -> None:
    owner = await customer(shop.use_cases, OWNER)
    for name, row in ROWS.items():
        answer = await shop.ask(name, await shop.order(name), owner)
        expected = row.good if row.for_customers or row.scope is None else 403
        assert answer.status_code == expected, f"{name}: {answer.text}"


async def test_other_customers_order_gets_the_response_of_an_unknown_id(shop: Shop) -> None:
    stranger = await customer(shop.use_cases, STRANGER)
    for name in OF_ONE_ORDER:
        given = await shop.order(name)
        foreign = await shop.ask(name, given, stranger)
        unknown = await shop.ask(name, {**given, "order_id": "no-such-order"}, stranger)
        assert foreign.status_code == 404, f"{name}: {foreign.text}"
        assert told(foreign) == told(unknown), name
    await shop.order("list_orders")
    nothing = {"data": [], "has_more": False, "next_cursor": None}
    assert (await shop.ask("list_orders", {}, stranger)).json() == nothing
    owner, order_id = await customer(shop.use_cases, OWNER), (await shop.order("get_order"))["order_id"]
    for text in (order_id, order_id[:8]):
        assert (await shop.client.get("/orders", params={"q": text}, headers=stranger)).json() == nothing
    found = (await shop.client.get("/orders", params={"q": order_id}, headers=owner)).json()
    assert [order["id"] for order in found["data"]] == [order_id]


async def test_keys_and_conditions_reveal_nothing_about_another_customers_order(shop: Shop) -> None:
    owner, stranger = await customer(shop.use_cases, OWNER), await customer(shop.use_cases, STRANGER)
    given = await shop.order("cancel_order")
    key = {"Idempotency-Key": "key-1"}
    assert (await shop.ask("cancel_order", given, owner | key)).status_code == 200
    for headers in (key, {"If-Match": '"1"'}, {"If-Match": '"1", "2"'}, {"If-None-Match": '"2"'}):
        foreign = await shop.ask("cancel_order", given, stranger | headers)
        unknown = await shop.ask("cancel_order", {"order_id": "no-such-order"}, stranger | headers)
        rejected_before = "If-None-Match" in headers  # a command evaluates no such condition
        assert (foreign.status_code, told(foreign)) == (422 if rejected_before else 404, told(unknown))
    for query in ("?version=1", "?version=9", "?at=2026-01-01T00:00:00Z", "/history?limit=1", "/history?cursor=AAAA"):
        method, path = "GET", f"/orders/{given['order_id']}{query}"
        foreign = await shop.client.request(method, path, headers=stranger)
        unknown = await shop.client.request(method, path.replace(given["order_id"], "no-such-order"), headers=stranger)
        assert (foreign.status_code, told(foreign)) == (unknown.status_code, told(unknown)), query
        assert foreign.status_code in (404, 422)


async def test_a_cursor_of_the_shops_shows_a_customer_nothing(shop: Shop) -> None:
    for _ in range(3):
        await shop.order("list_orders")
    reader, stranger = await staff(shop.use_cases, Scope.READ), await customer(shop.use_cases, STRANGER)
    cursor = (await shop.client.get("/orders?limit=1", headers=reader)).json()["next_cursor"]
    refused = await shop.client.get("/orders", params={"limit": 1, "cursor": cursor}, headers=stranger)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")


async def test_staff_need_the_scope_and_the_error_names_it(shop: Shop) -> None:
    for scope in {row.scope for row in ROWS.values() if row.scope}:
        without = await staff(shop.use_cases, *(EVERY_SCOPE - {scope, Scope.ADMIN}))
        for name in (name for name, row in ROWS.items() if row.scope is scope):
            answer = await shop.ask(name, await shop.order(name), without)
            assert (answer.status_code, answer.json()["detail"]) == (
                403,
                f"this operation requires the scope {scope}",
            ), name
            unknown = await shop.ask(name, {"order_id": "no-such-order", **PARTS}, without)
            assert told(answer) == told(unknown), name


@pytest.mark.parametrize("name", KNOWN)
async def test_staff_with_the_scope_alone_may_ask(shop: Shop, name: str) -> None:
    row = ROWS[name]
    assert row.scope
    answer = await shop.ask(name, await shop.order(name), await staff(shop.use_cases, row.scope))
    assert answer.status_code == row.good, answer.text


def told(answer: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return all that an answer tells, but what it is known by."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, body, headers
