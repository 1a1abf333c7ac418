"""Personal data over HTTP: who sees it, how it changes, and that an erasure leaves none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Scope
from orderkeep.bootstrap import UseCases
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.limits import MAX_ERASED_ORDERS
from orderkeep.domain.personal_data import PARTS
from tests.entrypoints.credentials import Headers, customer, guarded_client, staff, use_cases_with_keys
from tests.entrypoints.http_calls import ORDER, PLAIN, errors_of, placed, without_personal_data

NAME = ORDER["customer"]["name"]


@dataclass
class Shop:
    """An app with authentication, and its staff."""

    use_cases: UseCases
    client: httpx.AsyncClient
    staff: Headers


@pytest.fixture
async def shop(store_url: str) -> AsyncIterator[Shop]:
    use_cases = use_cases_with_keys(open_store(store_url))
    async with guarded_client(use_cases) as client:
        headers = await staff(use_cases, *EVERY_SCOPE)
        client.headers.update(headers)
        yield Shop(use_cases, client, headers)
    await use_cases.close()


async def test_staff_and_the_owner_see_the_personal_data(shop: Shop) -> None:
    order, client = await placed(shop.client), shop.client
    path = f"/orders/{order['id']}"
    assert {part: order[part] for part in PARTS} == {part: ORDER[part] for part in PARTS}
    for reader in (shop.staff, await customer(shop.use_cases, ORDER["user_id"])):
        assert (await client.get(path, headers=reader)).json() == order
        assert (await client.get("/orders", headers=reader)).json()["data"] == [order]
        history = (await client.get(f"{path}/history", headers=reader)).json()
        assert [change["order"] for change in history["data"]] == [without_personal_data(order)]
        assert (await client.get(f"{path}?version=1", headers=reader)).json() == without_personal_data(order)
    other = await customer(shop.use_cases, "user-7")
    assert (await client.get(path, headers=other)).status_code == 404
    assert NAME not in (await client.get("/orders", headers=other)).text


async def test_a_command_returns_the_personal_data_of_the_order(shop: Shop) -> None:
    order, client = await placed(shop.client), shop.client
    key = {"Idempotency-Key": "confirm-1"}
    confirmed, again = [await client.post(f"/orders/{order['id']}/confirm", headers=key) for _ in range(2)]
    assert (confirmed.json()["customer"], confirmed.json()["version"]) == (ORDER["customer"], 2)
    assert (again.json(), again.headers["idempotency-replayed"]) == (confirmed.json(), "true")
    tried = await client.post(f"/orders/{order['id']}/cancel?dry_run=true")
    assert tried.json()["billing_address"] == ORDER["billing_address"]


async def test_orders_without_personal_data_do_not_have_its_fields(shop: Shop) -> None:
    order = (await shop.client.post("/orders", json=PLAIN)).json()
    assert not order.keys() & {*PARTS}
    assert order["personal_data"] is None


async def test_patch_merges_each_part_and_null_removes(shop: Shop) -> None:
    order, client = await placed(shop.client), shop.client
    patch = {"customer": {"phone": None, "name": "Jo Roe"}, "billing_address": None, "tags": ["gift"]}
    changed = await client.patch(f"/orders/{order['id']}", json=patch)
    assert changed.json()["customer"] == {**ORDER["customer"], "phone": None, "name": "Jo Roe"}
    assert (changed.json()["billing_address"], changed.json()["tags"]) == (None, ["gift"])
    assert changed.json()["personal_data"] != order["personal_data"]
    events = (await client.get(f"/orders/{order['id']}/history")).json()["data"][1]["events"]
    assert events == [{"type": "PersonalDataChanged", "data": {}}, {"type": "DetailsChanged", "data": {}}]
    wrong = await client.patch(f"/orders/{order['id']}", json={"customer": {"email": "jo", "age": 7}})
    assert errors_of(wrong) == {"/customer/email": "invalid_email", "/customer/age": "unknown_field"}


async def test_erasure_leaves_orders_and_receipts_without_personal_data(shop: Shop) -> None:
    order, client = await placed(shop.client), shop.client
    path = f"/orders/{order['id']}"
    receipt = (await client.post(f"{path}/documents/receipt")).json()
    assert NAME in (await client.get(f"{path}/documents/{receipt['id']}")).text

    tried = await client.post("/erasures?dry_run=true", json={"user_id": ORDER["user_id"]})
    assert (tried.json(), tried.headers["dry-run"]) == ({"orders": 1, "erased": 1}, "true")
    assert (await client.get(path)).json()["customer"] == ORDER["customer"]

    erased = await client.post("/erasures", json={"orders": [order["id"]]})
    assert (erased.json(), "dry-run" in erased.headers) == ({"orders": 1, "erased": 1}, False)
    left = (await client.get(path)).json()
    assert (left["personal_data"], left.keys() & {*PARTS}) == (None, set())
    gone = await client.get(f"{path}/documents/{receipt['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "document_not_found")
    [replaced] = (await client.get(f"{path}/documents")).json()["data"]
    assert NAME not in (await client.get(f"{path}/documents/{replaced['id']}")).text
    again = await client.post("/erasures", json={"user_id": ORDER["user_id"]})
    assert again.json() == {"orders": 1, "erased": 0}


async def test_erasure_of_an_unknown_order_erases_nothing(shop: Shop) -> None:
    order = await placed(shop.client)
    missing = await shop.client.post("/erasures", json={"orders": [order["id"], "no-such-order"]})
    assert (missing.status_code, missing.json()["code"]) == (404, "order_not_found")
    assert (await shop.client.get(f"/orders/{order['id']}")).json() == order


@pytest.mark.parametrize(
    "body, errors",
    [
        ({}, {"/orders": "invalid_value"}),
        ({"orders": []}, {"/orders": "invalid_value"}),
        ({"orders": ["a"], "user_id": "u"}, {"/orders": "invalid_value"}),
        ({"orders": ["a"] * (MAX_ERASED_ORDERS + 1)}, {"/orders": "too_many_orders"}),
        ({"user": "u"}, {"/user": "unknown_field"}),
    ],
    ids=str,
)
async def test_erasure_needs_either_orders_or_a_user(shop: Shop, body: object, errors: dict[str, str]) -> None:
    assert errors_of(await shop.client.post("/erasures", json=body)) == errors


async def test_customers_cannot_erase(shop: Shop) -> None:
    order = await placed(shop.client)
    for headers in (await customer(shop.use_cases, ORDER["user_id"]), await staff(shop.use_cases, Scope.WRITE)):
        rejected = await shop.client.post("/erasures", json={"orders": [order["id"]]}, headers=headers)
        assert (rejected.status_code, rejected.json()["code"]) == (403, "not_allowed")
