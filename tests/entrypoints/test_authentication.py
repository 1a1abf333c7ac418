"""Requests over HTTP are authenticated on every route with order data, and in one way only."""

from collections.abc import AsyncIterator

import httpx
import pytest

from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.api.app import ROUTES
from orderkeep.entrypoints.api.authentication import OPEN_PATHS, address_of
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.entrypoints.credentials import Headers, customer, guarded_client, staff, use_cases_with_keys
from tests.entrypoints.http_calls import PLAIN

CHALLENGE = 'Bearer realm="orderkeep"'


@pytest.fixture
def use_cases() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


@pytest.fixture
async def client(use_cases: UseCases) -> AsyncIterator[httpx.AsyncClient]:
    async with guarded_client(use_cases) as client:
        yield client


@pytest.fixture
async def anna(use_cases: UseCases) -> Headers:
    return await staff(use_cases, "orders:read", "orders:write")


async def test_staff_with_a_key_may_do_what_its_scopes_say_and_no_more(
    client: httpx.AsyncClient, anna: Headers
) -> None:
    placed = await client.post("/orders", json=PLAIN, headers=anna)
    assert placed.status_code == 201
    refused = await client.delete(f"/orders/{placed.json()['id']}", headers=anna)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert refused.json()["detail"] == "this operation requires the scope orders:cancel"
    assert refused.headers["www-authenticate"] == f'{CHALLENGE}, error="insufficient_scope", scope="orders:cancel"'
    history = (await client.get(f"/orders/{placed.json()['id']}/history", headers=anna)).json()["data"]
    assert history[0]["actor"].startswith("staff:key:")


async def test_request_without_credentials_gets_a_challenge(client: httpx.AsyncClient) -> None:
    refused = await client.get("/orders")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    assert refused.headers["www-authenticate"] == CHALLENGE
    assert "Authorization: Bearer" in refused.json()["detail"]


ODD = {
    "nothing behind it": "Bearer ",
    "a letter more": "Bearer {key}x",
    "a letter less": "Bearer {less}",
    "two tokens": "Bearer {key} {key}",
    "two tokens, with a comma": "Bearer {key},{key}",
    "a parameter": "Bearer token={key}",
    "quotes": 'Bearer "{key}"',
    "a key that is none": "Bearer ok_aaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "a word": "Bearer admin",
    "a token without a provider": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.",
    "a long one": "Bearer " + "a" * 9_000,
    "digits of elsewhere": "Bearer ok_\u0661",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_whatever_else_is_shown_counts_for_nothing(client: httpx.AsyncClient, anna: Headers, odd: str) -> None:
    key = anna["Authorization"].removeprefix("Bearer ")
    shown = odd.format(key=key, less=key[:-1]).encode()
    refused = await client.get("/orders", headers={b"Authorization": shown})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    assert refused.headers["www-authenticate"] == f'{CHALLENGE}, error="invalid_token"'
    assert (
        refused.json()["detail"] == "the credentials are not valid: use an active API key or an unexpired access token"
    )


@pytest.mark.parametrize("odd", ["{key}", "Basic {key}", "Bearer\t{key}", "Bearer{key}", "token={key}"])
async def test_key_without_bearer_is_rejected_with_the_format(
    client: httpx.AsyncClient, anna: Headers, odd: str
) -> None:
    shown = odd.format(key=anna["Authorization"].removeprefix("Bearer "))
    refused = await client.get("/orders", headers={"Authorization": shown})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    assert refused.headers["www-authenticate"] == f'{CHALLENGE}, error="invalid_token"'
    assert refused.json()["detail"] == (
        "the credentials must follow the word Bearer and a space: send Authorization: Bearer with an API key or an "
        "access token"
    )


async def test_the_name_of_the_scheme_is_in_any_case_and_spaces_are_free(
    client: httpx.AsyncClient, anna: Headers
) -> None:
    key = anna["Authorization"].removeprefix("Bearer ")
    for shown in (f"bearer {key}", f"BEARER   {key}"):
        assert (await client.get("/orders", headers={"Authorization": shown})).status_code == 200


async def test_two_authorization_headers_are_rejected(client: httpx.AsyncClient, anna: Headers) -> None:
    both = [("Authorization", anna["Authorization"])] * 2
    assert (await client.get("/orders", headers=both)).status_code == 401


async def test_a_key_anywhere_else_is_not_looked_at(client: httpx.AsyncClient, anna: Headers) -> None:
    key = anna["Authorization"].removeprefix("Bearer ")
    elsewhere = {"X-API-Key": key, "Cookie": f"authorization=Bearer {key}", "Proxy-Authorization": f"Bearer {key}"}
    assert (await client.get(f"/orders?access_token={key}", headers=elsewhere)).status_code == 401


async def test_body_is_not_read_before_authentication(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.post("/orders", content=b"{", headers={"Content-Type": "application/json"}),
        await client.get("/orders?limit=many"),
        await client.get("/nothing/here"),
        await client.put("/orders"),
    ):
        assert answer.status_code == 401


def test_every_route_requires_authentication_unless_listed_as_public() -> None:
    paths = {route.path for route in ROUTES}
    assert paths >= OPEN_PATHS
    closed = ("/orders", "/erasures", "/events", "/webhooks", "/stats", "/docs/")
    assert {path for path in paths if not path.startswith(closed)} == OPEN_PATHS


@pytest.mark.parametrize("path", sorted(OPEN_PATHS | {"/docs/start.js"}))
async def test_operations_without_order_data_are_public(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == (307 if path == "/" else 200)


@pytest.mark.parametrize(
    "path",
    ["/livez/../orders", "//orders", "/livez/%2e%2e/orders", "/docs/../orders", "/orders/%2e%2e/livez", "/Livez"],
)
async def test_variants_of_a_path_do_not_bypass_authentication(client: httpx.AsyncClient, path: str) -> None:
    url = httpx.URL("http://localhost").copy_with(raw_path=path.encode())
    assert (await client.get(url)).status_code in (401, 404)
    assert "data" not in (await client.get(url)).json()


async def test_customers_see_and_change_their_own_orders_only(
    client: httpx.AsyncClient, use_cases: UseCases, anna: Headers
) -> None:
    for number in range(3):
        order = {**PLAIN, "user_id": f"user-{number}"}
        placed = await client.post("/orders", json=order, headers={**anna, "Idempotency-Key": f"key-{number}"})
        assert placed.status_code == 201
    own = await customer(use_cases, "user-1")
    (listed,) = (await client.get("/orders", headers=own)).json()["data"]
    assert listed["user_id"] == "user-1"
    assert (await client.get("/orders?user_id=user-2", headers=own)).json()["data"] == []
    assert (await client.post("/orders", json=PLAIN, headers=own)).status_code == 403
    cancelled = await client.delete(f"/orders/{listed['id']}", headers=own)
    assert cancelled.json() == {"status": "cancelled"}
    history = (await client.get(f"/orders/{listed['id']}/history", headers=own)).json()["data"]
    assert history[-1]["actor"] == "customer:user-1"


async def test_exceeded_rate_limit_returns_429_with_retry_after(use_cases: UseCases, anna: Headers) -> None:
    bert = await staff(use_cases, "orders:read")
    async with guarded_client(use_cases, rate_limit=1) as client:
        answers = [await client.get("/orders", headers=anna) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert (answers[2].json()["code"], answers[2].headers["retry-after"]) == ("too_many_requests", "1")
        assert (await client.get("/orders", headers=bert)).status_code == 200
        assert (await client.get("/livez")).status_code == 200


async def test_guesses_from_one_address_are_counted_too(use_cases: UseCases) -> None:
    async with guarded_client(use_cases, rate_limit_per_address=2) as client:
        statuses = [(await client.get("/orders", headers={"Authorization": "Bearer no"})).status_code for _ in range(6)]
    assert statuses == [401] * 4 + [429] * 2


@pytest.mark.parametrize("path", sorted(OPEN_PATHS | {"/docs/start.js"}))
async def test_public_paths_are_counted_per_address(use_cases: UseCases, path: str) -> None:
    async with guarded_client(use_cases, rate_limit_per_address=1) as client:
        statuses = [(await client.get(path)).status_code for _ in range(6)]
    assert statuses[0] < 400
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    "client, address",
    [
        (("192.0.2.7", 4711), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 4711), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 4711), "192.0.2.7"),
        (("testclient", 4711), "testclient"),
        (("unix:", 0), "unix:"),
        (None, "unknown"),
    ],
)
def test_an_address_is_what_one_customer_has(client: object, address: str) -> None:
    assert address_of({"client": client}) == address
