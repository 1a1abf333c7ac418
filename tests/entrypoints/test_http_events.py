"""The feed over HTTP: pages, waiting, CloudEvents, and the live stream as the application sends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from starlette.types import Message, Scope

from orderkeep.application.errors import Overloaded
from orderkeep.application.events import event_json
from orderkeep.application.ports import PAGE_BYTES
from orderkeep.bootstrap import UseCases, bootstrap, build_use_cases
from orderkeep.config import Settings
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.api.app import ROUTES, create_app
from orderkeep.entrypoints.api.events import HEARTBEAT, MAX_CHUNK_BYTES, RETRY
from orderkeep.entrypoints.api.shell import ROUTES_THAT_WAIT
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import large_order
from tests.entrypoints.http_calls import ORDER, PLAIN, errors_of, http_client, placed


async def three_changes(client: httpx.AsyncClient) -> str:
    """Place, confirm and cancel an order with personal data, and return its ID."""
    order_id: str = (await placed(client))["id"]
    for command in ("confirm", "cancel"):
        assert (await client.post(f"/orders/{order_id}/{command}")).status_code == 200
    return order_id


async def test_pages_have_all_events_in_order(client: httpx.AsyncClient) -> None:
    order_id = await three_changes(client)
    found, after, links = list[Any](), 0, list[str | None]()
    while True:
        answer = await client.get("/events", params={"limit": 1, "after": after})
        page = answer.json()
        found += page["data"]
        links.append(answer.headers.get("link"))
        after = page["next_after"]
        if not page["has_more"]:
            break
    assert [event["id"] for event in found] == [f"{order_id}.{version}.1" for version in (1, 2, 3)]
    assert [event["type"] for event in found] == ["OrderPlaced", "OrderConfirmed", "OrderCancelled"]
    assert [event["position"] for event in found] == [1, 2, 3]
    assert found == (await client.get("/events")).json()["data"]
    assert links == ['</events?limit=1&after=1>; rel="next"', '</events?limit=1&after=2>; rel="next"', None]
    assert (await client.get("/events", params={"after": 3})).json() == {
        "data": [],
        "has_more": False,
        "next_after": 3,
    }


async def test_full_event_has_the_order_without_personal_data(client: httpx.AsyncClient) -> None:
    order_id = await three_changes(client)
    confirmed = (await client.get("/events", params={"data": "full"})).json()["data"][1]
    assert confirmed["data"] == {
        "order": (await client.get(f"/orders/{order_id}?version=2")).json(),
        "previous": (await client.get(f"/orders/{order_id}?version=1")).json(),
    }
    assert (await client.get(f"/events/{order_id}.2.1?data=full")).json() == confirmed


@pytest.mark.parametrize("accept", ["application/json", "application/cloudevents-batch+json"])
async def test_no_event_has_personal_data(client: httpx.AsyncClient, accept: str) -> None:
    order_id = await three_changes(client)
    changed = {"customer": {"name": "Mary Roe"}, "shipping_address": {"line1": "7 Hill Road"}}
    assert (await client.patch(f"/orders/{order_id}", json=changed)).status_code == 200
    assert (await client.post(f"/orders/{order_id}/documents/receipt")).status_code == 201
    assert (await client.post("/erasures", json={"orders": [order_id]})).status_code == 200
    answer = await client.get("/events?data=full", headers={"Accept": accept})
    _use_cases(client).stop_waiting()
    streamed = await client.get("/events/stream?data=full")
    assert "PersonalDataErased" in answer.text
    assert "PersonalDataErased" in streamed.text
    parts = [ORDER[part] for part in ("customer", "shipping_address", "billing_address")] + list(changed.values())
    for text in [value for part in parts for value in part.values() if len(value) > 2]:
        assert text not in answer.text
        assert text not in streamed.text


async def test_event_has_an_entity_tag_for_each_of_its_forms(client: httpx.AsyncClient) -> None:
    path = f"/events/{await three_changes(client)}.3.1"
    forms: list[dict[str, Any]] = [
        {},
        {"params": {"data": "full"}},
        {"headers": {"Accept": "application/cloudevents+json"}},
    ]
    tags = [(await client.get(path, **form)).headers["etag"] for form in forms]
    assert len(set(tags)) == 3
    for form, tag in zip(forms, tags, strict=True):
        form["headers"] = {**form.get("headers", {}), "If-None-Match": tag}
        unchanged = await client.get(path, **form)
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)


async def test_cloud_events_are_valid_and_contain_the_events(client: httpx.AsyncClient) -> None:
    order_id = await three_changes(client)
    events = (await client.get("/events")).json()["data"]
    accept = {"Accept": "text/html, application/CloudEvents-Batch+json; q=0.9"}
    batch = await client.get("/events", headers=accept)
    assert batch.headers["content-type"] == "application/cloudevents-batch+json"
    single = await client.get(f"/events/{order_id}.3.1", headers={"Accept": "application/cloudevents+json"})
    assert single.headers["content-type"] == "application/cloudevents+json"
    assert single.json() == batch.json()[2]
    read = [
        from_structured_event(
            HTTPMessage({"content-type": "application/cloudevents+json"}, json.dumps(each).encode()), JSONFormat()
        )
        for each in batch.json()
    ]
    assert [each.get_data() for each in read] == events
    assert [each.get_attributes()["id"] for each in read] == [event["id"] for event in events]
    last = read[2].get_attributes()
    assert (last["type"], last["source"], last["subject"]) == ("orderkeep.order.cancelled", "orderkeep", order_id)


@pytest.mark.parametrize(
    "query, found",
    [
        ("after=9", {"after": "unknown_position"}),
        ("after=-1", {"after": "invalid_parameter"}),
        ("after=1e3", {"after": "invalid_parameter"}),
        ("limit=0", {"limit": "invalid_parameter"}),
        ("limit=201", {"limit": "invalid_parameter"}),
        ("wait=21", {"wait": "invalid_parameter"}),
        ("data=whole", {"data": "invalid_parameter"}),
        ("cursor=1", {"cursor": "unknown_parameter"}),
    ],
)
async def test_invalid_parameter_is_reported(client: httpx.AsyncClient, query: str, found: dict[str, str]) -> None:
    assert errors_of(await client.get(f"/events?{query}")) == found


async def test_unknown_event_is_not_found(client: httpx.AsyncClient) -> None:
    for event_id in (f"{(await placed(client))['id']}.2.1", "nothing", "%2e"):
        answer = await client.get(f"/events/{event_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "event_not_found")


async def test_waiting_request_holds_no_slot_and_returns_the_next_event() -> None:
    async with http_client(max_concurrency=1) as client:
        waiting = asyncio.create_task(client.get("/events", params={"wait": 20}))
        await _until_waiting(client)
        order_id = (await placed(client))["id"]
        assert [event["id"] for event in (await waiting).json()["data"]] == [f"{order_id}.1.1"]


async def test_waiting_ends_when_the_server_stops() -> None:
    async with http_client() as client:
        waiting = asyncio.create_task(client.get("/events", params={"wait": 20}))
        await _until_waiting(client)
        _use_cases(client).stop_waiting()
        assert (await waiting).json() == {"data": [], "has_more": False, "next_after": 0}


async def test_request_beyond_the_places_to_wait_is_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderkeep.application.event_feed.MOST_WAITING", 0)
    async with http_client() as client:
        answer = await client.get("/events", params={"wait": 20})
        assert (answer.status_code, answer.json()["code"]) == (503, Overloaded.code)
        assert (await client.get("/events/stream")).status_code == 503


def test_routes_that_wait_exist() -> None:
    assert {route.path for route in ROUTES} >= ROUTES_THAT_WAIT


async def test_head_does_not_wait(client: httpx.AsyncClient) -> None:
    for path in ("/events?wait=20", "/events/stream"):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def _app_of(client: httpx.AsyncClient) -> Any:
    transport: Any = client._transport
    return transport.app


def _use_cases(client: httpx.AsyncClient) -> UseCases:
    found: UseCases = _app_of(client).use_cases
    return found


async def _until_waiting(client: httpx.AsyncClient) -> None:
    while not _use_cases(client).list_events.feed._waiting:  # noqa: ASYNC110  # an event would exist for tests alone
        await asyncio.sleep(0)


@asynccontextmanager
async def _limited(scope: Scope) -> AsyncIterator[None]:
    yield


async def test_service_that_limits_the_time_of_requests_rejects_waiting() -> None:
    app = create_app(Settings(auth=""), bootstrap("memory://"), time_limit=_limited)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/events")).status_code == 200
        assert errors_of(await client.get("/events?wait=5")) == {"wait": "invalid_parameter"}
        answer = await client.get("/events/stream")
        assert (answer.status_code, answer.json()["code"]) == (501, "stream_not_supported")


class Streaming:
    """A request for the stream, of a client that reads each part as it is sent, until it is gone."""

    def __init__(self, use_cases: UseCases, query: str = "", **headers: str) -> None:
        app = create_app(Settings(auth=""), use_cases)
        scope = {"type": "http", "method": "GET", "path": "/events/stream", "root_path": "", "scheme": "http"}
        given = [(b"host", b"localhost"), *((name.encode(), value.encode()) for name, value in headers.items())]
        self.messages = asyncio.Queue[Message]()
        self.gone = asyncio.Event()
        self.task = asyncio.ensure_future(
            app({**scope, "query_string": query.encode(), "headers": given}, self._receive, self.messages.put)
        )

    async def _receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def status(self) -> int:
        status: int = (await self.messages.get())["status"]
        return status

    async def part(self) -> bytes:
        part: bytes = (await self.messages.get()).get("body", b"")
        return part


async def _use_cases_with(count: int) -> UseCases:
    use_cases = bootstrap("memory://")
    async with http_client(use_cases) as client:
        for _ in range(count):
            await client.post("/orders", json=PLAIN)
    return use_cases


async def test_stream_sends_events_that_exist_and_then_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderkeep.application.use_cases.follow_events.HEARTBEAT_SECONDS", 0.01)
    use_cases = await _use_cases_with(2)
    events = (await use_cases.list_events.execute()).events
    stream = Streaming(use_cases, "after=1")
    assert await stream.status() == 200
    sent = b"id: %b\nevent: OrderPlaced\ndata: %b\n\n"
    assert await stream.part() == RETRY + sent % (events[1].id.encode(), event_json(events[1]))
    assert await stream.part() == HEARTBEAT
    monkeypatch.setattr("orderkeep.application.use_cases.follow_events.HEARTBEAT_SECONDS", 60)
    async with http_client(use_cases) as client:
        await client.post("/orders", json=PLAIN)
    while (part := await stream.part()) == HEARTBEAT:
        pass
    [third] = (await use_cases.list_events.execute(after=2)).events
    assert part == sent % (third.id.encode(), event_json(third))
    use_cases.stop_waiting()
    await stream.task
    assert [stream.messages.get_nowait() for _ in range(stream.messages.qsize())][-1] == {"type": "http.response.body"}
    assert not use_cases.list_events.feed._places


async def test_stream_continues_after_the_last_event_of_the_client() -> None:
    use_cases = await _use_cases_with(3)
    events = (await use_cases.list_events.execute()).events
    stream = Streaming(use_cases, "after=0&format=cloudevents", **{"last-event-id": events[1].id})
    assert await stream.status() == 200
    part = await stream.part()
    assert part.count(b"\nid: ") + part.startswith(b"id: ") == 1
    [data] = [line.removeprefix(b"data: ") for line in part.splitlines() if line.startswith(b"data: ")]
    assert (json.loads(data)["specversion"], json.loads(data)["id"]) == ("1.0", events[2].id)
    stream.gone.set()
    await stream.task
    assert not use_cases.list_events.feed._places, "the client is gone"


@pytest.mark.parametrize(
    "query, headers, status, code",
    [
        ("after=9", {}, 422, "unknown_position"),
        ("", {"last-event-id": "x.1.1"}, 404, "event_not_found"),
        ("format=xml", {}, 422, "invalid_query"),
    ],
)
async def test_stream_that_cannot_begin_is_a_problem(
    client: httpx.AsyncClient, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await client.get(f"/events/stream?{query}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def cancelled_large_orders() -> InMemoryOrderRepository:
    """Return a store with large orders that were placed, then cancelled one after another."""
    store = InMemoryOrderRepository([large_order(f"order-{number}") for number in range(6)])
    for number in range(6):
        order = await store.get_by_id(f"order-{number}")
        assert order is not None
        order.cancel(at=order.created_at)
        await store.save(order)
    return store


@pytest.mark.parametrize("accept", ["application/json", "application/cloudevents-batch+json"])
async def test_page_of_full_events_ends_at_a_number_of_bytes(accept: str) -> None:
    async with http_client(build_use_cases(await cancelled_large_orders())) as client:
        path: str | None = "/events?data=full&limit=200"
        ids, sizes = list[str](), list[int]()
        while path:
            answer = await client.get(path, headers={"Accept": accept})
            body = answer.json()
            ids += [event["id"] for event in (body["data"] if isinstance(body, dict) else body)]
            sizes.append(len(answer.content))
            path = answer.links["next"]["url"] if "next" in answer.links else None
    assert ids == [f"order-{number}.{version}.1" for version in (1, 2) for number in range(6)]
    assert max(sizes) < 1.1 * PAGE_BYTES
    assert len(sizes) == 5  # four orders and two, then two changes with the order before and after, and so on


async def test_events_are_sent_in_chunks() -> None:
    """A client that does not read holds back the next chunk, so that no more than one is in memory."""
    store = InMemoryOrderRepository([large_order(f"order-{number}") for number in range(4)])
    stream = Streaming(build_use_cases(store), "data=full")
    assert await stream.status() == 200
    parts = [await stream.part() for _ in range(3)]
    size = max(len(event_json(event)) for event in (await build_use_cases(store).list_events.execute(full=True)).events)
    assert all(MAX_CHUNK_BYTES < len(part) < MAX_CHUNK_BYTES + 2 * size for part in parts)
    assert [part.count(b"event: ") for part in parts] == [1, 1, 1]
    stream.gone.set()
    await stream.task


class FailingStore(InMemoryOrderRepository):
    """Fails when it is told to."""

    fails = False

    async def read_changes(self, after: int, limit: int) -> Any:
        if self.fails:
            raise StoreUnavailable
        return await super().read_changes(after, limit)


async def test_stream_ends_when_the_store_fails() -> None:
    store = FailingStore()
    stream = Streaming(build_use_cases(store))
    assert await stream.status() == 200
    assert await stream.part() == RETRY
    store.fails = True
    await stream.task
    assert stream.messages.get_nowait() == {"type": "http.response.body"}
