"""Operations over HTTP: health checks, metrics, request IDs, API documentation."""

import asyncio
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest
from starlette.types import Message

from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.domain.lifecycle import LIFECYCLE, OrderStatus
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.shell import ShelledFastAPI
from tests.entrypoints.http_calls import PLAIN, http_client, placed


async def test_health_checks_return_status(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "alive"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_lifecycle_is_that_of_the_domain(client: httpx.AsyncClient) -> None:
    said = (await client.get("/lifecycle")).json()
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in said["transitions"]:
        found[each["from"], each["command"]] = (*found.get((each["from"], each["command"]), ()), each["to"])
    assert found == LIFECYCLE
    assert [status["name"] for status in said["statuses"]] == list(OrderStatus)
    assert said["statuses"][0]["commands"] == ["confirm", "cancel", "cancel_lines", "hold", "release"]


async def test_head_has_the_headers_of_get_without_body(client: httpx.AsyncClient) -> None:
    for path in (f"/orders/{(await placed(client))['id']}", "/orders", "/livez", "/nowhere"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.headers["content-length"] == got.headers["content-length"]


async def test_head_sends_no_body() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "HEAD", "path": "/livez", "root_path": "", "query_string": b""}
    await create_app(Settings(), bootstrap("memory://"))({**scope, "headers": [(b"host", b"localhost")]}, receive, send)
    assert [(message.get("status"), message.get("body")) for message in sent] == [(200, None), (None, b"")]


async def test_valid_request_id_is_kept(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json=PLAIN, headers={"X-Request-Id": "Call_7.b-1"})
    assert answer.headers["x-request-id"] == "Call_7.b-1"
    history = await client.get(f"/orders/{answer.json()['id']}/history")
    assert history.json()["data"][0]["request_id"] == "Call_7.b-1"


@pytest.mark.parametrize("given", ["", "a b", "ä", "x" * 65, "<script>", "a\tb"])
async def test_invalid_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/livez", headers=[(b"X-Request-Id", given.encode())])
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert (await client.get("/livez")).headers["x-request-id"] != answer.headers["x-request-id"]


async def test_metrics_count_requests_by_route_and_not_by_id(client: httpx.AsyncClient) -> None:
    order = await placed(client)
    for path in (f"/orders/{order['id']}", "/orders/unknown", "/orders/unknown", "/nowhere-1", "/nowhere-2"):
        await client.get(path)
    await client.request("BREW", "/orders")

    answer = await client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    for line in (
        'orderkeep_http_requests_total{method="POST",route="/orders",status="201"} 1.0',
        'orderkeep_http_requests_total{method="GET",route="/orders/{order_id}",status="200"} 1.0',
        'orderkeep_http_requests_total{method="GET",route="/orders/{order_id}",status="404"} 2.0',
        'orderkeep_http_requests_total{method="GET",route="none",status="404"} 2.0',
        'orderkeep_http_requests_total{method="other",route="/orders",status="405"} 1.0',
        'orderkeep_http_request_duration_seconds_count{method="POST",route="/orders"} 1.0',
    ):
        assert line in answer.text.splitlines()
    assert "process_cpu_seconds_total" in answer.text
    assert order["id"] not in answer.text


async def test_two_apps_in_one_process_have_separate_metrics() -> None:
    async with http_client() as first, http_client() as second:
        await first.get("/lifecycle")
        assert "/lifecycle" in (await first.get("/metrics")).text
        assert "/lifecycle" not in (await second.get("/metrics")).text


class Links(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "style", "onload")]


async def test_docs_page_uses_no_other_host(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    links = Links()
    links.feed(page.text)

    assert "//" not in page.text
    assert links.found
    for link in (*links.found, "openapi.json"):
        answer = await client.get(page.url.join(link))
        assert answer.status_code == 200, link
    start = (await client.get("/docs/start.js")).text
    assert "//" not in start
    assert "validatorUrl: null" in start  # else Swagger UI asks a host of its makers'
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("root_path", ["", "/shop"])
@pytest.mark.parametrize("path", ["/", "/docs/"])
async def test_browser_is_redirected_to_the_docs(path: str, root_path: str) -> None:
    async with http_client(root_path=root_path) as client:
        answer = await client.get(root_path + path)
        assert (answer.status_code, answer.headers["location"]) == (307, f"{root_path}/docs")
        followed = await client.get(root_path + path, follow_redirects=True)
        assert followed.headers["content-type"].startswith("text/html")


async def test_openapi_document_is_encoded_once_and_has_an_entity_tag() -> None:
    async with http_client(root_path="/shop") as client:
        found = await client.get("/openapi.json")
        etag = found.headers["etag"]
        assert found.json()["servers"][0]["url"] == "/shop"
        assert found.headers["cache-control"] == "no-cache"
        unchanged = await client.get("/openapi.json", headers={"If-None-Match": etag})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
        changed = await client.get("/openapi.json", headers={"If-None-Match": '"another"'})
        assert (changed.status_code, changed.content) == (200, found.content)


async def test_slot_ends_when_the_response_begins() -> None:
    """Clients that read nothing hold no slot: neither of a route, nor of a file, nor of a path without a route."""
    app = create_app(Settings(max_concurrency=1), bootstrap("memory://", documents_url="memory://"))
    unread = asyncio.Event()
    statuses: dict[str, int] = {}
    started = asyncio.Event()

    async def receive() -> Message:
        await unread.wait()
        return {"type": "http.disconnect"}

    async def request(path: str) -> None:
        async def send(message: Message) -> None:
            statuses.setdefault(path, message.get("status", 0))
            started.set()
            await unread.wait()

        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "root_path": "", "scheme": "http"}
        await app({**scope, "headers": [(b"host", b"localhost")]}, receive, send)

    expected = {"/openapi.json": 200, "/docs/start.js": 200, "/nowhere": 404, "/livez": 200, "/orders": 200}
    async with asyncio.TaskGroup() as group:
        for path in expected:
            group.create_task(request(path))
            await started.wait()
            started.clear()
        unread.set()
    assert statuses == expected
    assert isinstance(app, ShelledFastAPI)
    assert app.shell.active == 0


async def test_docs_page_links_to_the_openapi_document_without_scripts(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    [shown] = re.findall("<noscript>(.*?)</noscript>", page, re.DOTALL)
    [link] = re.findall('href="([^"]+)"', shown)
    assert (await client.get(urljoin("/docs", link))).json()["openapi"]


async def test_unknown_path_names_the_docs(client: httpx.AsyncClient) -> None:
    assert (await client.get("/order")).json()["detail"] == "no route matches this path: see /docs for the API"


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "%2e%2e%2fapp.py", "nothing"])
async def test_docs_serve_no_other_files(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_app_opens_its_store_at_start_and_closes_it_at_shutdown(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings(store=f"sqlite:///{tmp_path}/orders.db"))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        assert (await client.get("/readyz")).status_code == 200
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/readyz")).status_code == 503


def test_default_store_is_that_of_bootstrap() -> None:
    assert Settings().store == bootstrap.__defaults__[0]  # type: ignore[index]


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERKEEP_MAX_BODY_BYTES", "77")
    monkeypatch.setenv("ORDERKEEP_PORT", "8099")
    assert (Settings().max_body_bytes, Settings(port=8001).port) == (77, 8001)
