"""Every response, also an error, has headers that forbid browsers to run, frame, embed or store it."""

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import httpx
import pytest

from orderkeep.bootstrap import bootstrap
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.api.app import ROUTES
from orderkeep.entrypoints.api.operations import MEDIA_TYPES
from orderkeep.entrypoints.api.shell import SECURITY_HEADERS
from tests.entrypoints.http_calls import ORDER, PLAIN, http_client, placed
from tests.entrypoints.lambda_calls import EveryKind, Request
from tests.entrypoints.lambda_containers import call, container

STRICT = {name.lower(): value for name, value in SECURITY_HEADERS.items()}
OWN = {
    "/docs": {"content-security-policy"},
    "/documents/": {"content-security-policy"},
    "/openapi.json": {"cache-control"},
    **{f"/docs/{name}": {"cache-control"} for name in MEDIA_TYPES},
}
"""What routes say themselves, in place of what every answer says."""


def hold_to_the_headers(answer: httpx.Response) -> None:
    path = answer.request.url.path
    own = next((names for place, names in OWN.items() if path == place or (place[-1] == "/" and place in path)), set())
    if answer.status_code >= 300:
        own = set()
    got = {name: answer.headers.get_list(name) for name in STRICT}
    assert {name: got[name] for name in STRICT if name not in own} == {
        name: [value] for name, value in STRICT.items() if name not in own
    }, f"{answer.request.method} {path} {answer.status_code}"
    assert all(len(got[name]) == 1 for name in own)
    assert "strict-transport-security" not in answer.headers


ASKED: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/orders", {"json": ORDER}, 201),
    ("POST", "/orders?dry_run=true", {"json": ORDER}, 201),
    ("GET", "/orders", {}, 200),
    ("HEAD", "/orders", {}, 200),
    ("GET", "/orders/{id}", {}, 200),
    ("HEAD", "/orders/{id}", {}, 200),
    ("GET", "/orders/{id}", {"headers": {"If-None-Match": '"1"'}}, 304),
    ("GET", "/orders/{id}?version=1", {}, 200),
    ("GET", "/orders/{id}/history", {}, 200),
    ("POST", "/orders/{id}/documents/receipt", {}, 201),
    ("GET", "/orders/{id}/documents", {}, 200),
    ("GET", "{document}", {}, 200),
    ("GET", "{document}", {"headers": {"If-None-Match": "*"}}, 304),
    ("POST", "/orders/{id}/confirm", {"headers": {"If-Match": '"9"'}}, 412),
    ("POST", "/orders/{id}/ship", {}, 422),
    ("DELETE", "/orders/{id}", {}, 200),
    ("GET", "/orders/unknown", {}, 404),
    ("HEAD", "/orders/unknown", {}, 404),
    ("POST", "/orders", {"content": b"{"}, 415),
    ("POST", "/orders", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    ("POST", "/orders", {"content": b" " * 65_537}, 413),
    ("POST", "/orders", {"json": {}}, 422),
    ("GET", "/orders?limit=0", {}, 422),
    ("PUT", "/orders", {}, 405),
    ("OPTIONS", "/orders", {}, 405),
    ("GET", "/nowhere", {}, 404),
    ("GET", "/lifecycle", {}, 200),
    ("GET", "/livez", {}, 200),
    ("GET", "/readyz", {}, 200),
    ("GET", "/metrics", {}, 200),
    ("GET", "/docs", {}, 200),
    ("GET", "/docs/start.js", {}, 200),
    *(("GET", f"/docs/{name}", {}, 200) for name in MEDIA_TYPES),
    ("GET", "/docs/nothing", {}, 404),
    ("GET", "/openapi.json", {}, 200),
]


@pytest.mark.parametrize("method, path, given, status", ASKED)
async def test_every_response_has_the_security_headers(
    client: httpx.AsyncClient, method: str, path: str, given: dict[str, Any], status: int
) -> None:
    order = await placed(client)
    if "{document}" in path:
        path = (await client.post(f"/orders/{order['id']}/documents/receipt")).headers["location"]
    answer = await client.request(method, path.replace("{id}", order["id"]), **given)
    assert answer.status_code == status
    hold_to_the_headers(answer)


async def test_no_route_is_left_out() -> None:
    assert len(ROUTES) > 15
    use_cases = bootstrap("memory://")
    use_cases.stop_waiting()  # the event stream ends at once
    async with http_client(use_cases) as client:
        for route in ROUTES:
            for method in ("GET", "POST", "DELETE", "HEAD"):
                hold_to_the_headers(await client.request(method, route.path))


@pytest.mark.parametrize("error, status", [(StoreUnavailable("away"), 503), (ZeroDivisionError(), 500)])
async def test_faults_of_ours_have_the_headers(error: Exception, status: int) -> None:
    async def fail() -> None:
        raise error

    async with http_client(replace(bootstrap("memory://"), check_store=fail)) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == status
    hold_to_the_headers(answer)


async def test_the_page_to_try_the_api_runs_its_own_scripts_and_no_others(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["script-src"], rules["default-src"], rules["frame-ancestors"]) == ("'self'", "'none'", "'none'")


async def test_nothing_of_an_order_is_kept_by_caches_and_conditions_hold_all_the_same(
    client: httpx.AsyncClient,
) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.headers["cache-control"], again.headers["cache-control"]) == ("no-store", "no-store")
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"1"')


async def test_https_alone_is_asked_for_where_the_settings_say_so() -> None:
    async with http_client(hsts_seconds=31_536_000) as client:
        for path in ("/livez", "/nowhere"):
            assert (await client.get(path)).headers["strict-transport-security"] == "max-age=31536000"


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, ORDERKEEP_STORE="memory://", ORDERKEEP_HSTS_SECONDS="60") as module:
        yield module


@EveryKind
def test_every_response_on_lambda_has_the_security_headers(lambda_handler: ModuleType, event_of: Any) -> None:
    expected = {**STRICT, "strict-transport-security": "max-age=60"}
    for request, status in (
        (Request.json("POST", "/orders", PLAIN), 201),
        (Request("GET", "/orders/unknown"), 404),
        (Request("PUT", "/orders"), 405),
    ):
        answer = call(lambda_handler, event_of(request))
        assert (answer.status, {name: answer.headers.get(name) for name in expected}) == (status, expected)


def test_response_too_large_for_lambda_is_rejected_with_the_headers(
    lambda_handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambda_handler, "MAX_RESPONSE_BYTES", 10)
    from tests.entrypoints.lambda_calls import http_api

    answer = call(lambda_handler, http_api(Request("GET", "/orders")))
    assert (answer.status, {name: answer.headers.get(name) for name in STRICT}) == (422, STRICT)
