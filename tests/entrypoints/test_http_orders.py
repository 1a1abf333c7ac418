"""Orders over HTTP: requests that succeed."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from starlette.requests import Request

from orderkeep.application.use_cases.list_orders import OrderPage
from orderkeep.entrypoints.api.responses import orders_response
from tests.entrypoints.http_calls import (
    ORDER,
    PLAIN,
    errors_of,
    http_client,
    is_marked_as_dry_run,
    placed,
    without_personal_data,
)

NOW = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


async def test_placed_order_is_at_its_location(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json=ORDER)
    order = answer.json()

    assert answer.status_code == 201
    assert answer.headers["location"] == f"/orders/{order['id']}"
    assert answer.headers["etag"] == '"1"'
    lines = [{name: line[name] for name in given} for line, given in zip(order["lines"], ORDER["lines"], strict=True)]
    assert ORDER.items() <= {**order, "lines": lines}.items()
    assert (order["status"], order["version"], order["cancellation"]) == ("pending", 1, None)
    assert order["created_at"].endswith("Z")
    found = await client.get(answer.headers["location"])
    assert (found.status_code, found.content, found.headers["etag"]) == (200, answer.content, '"1"')


async def test_lines_are_optional(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json=PLAIN)
    assert answer.status_code == 201
    assert answer.json()["lines"] == []


async def test_order_passes_all_statuses(client: httpx.AsyncClient) -> None:
    order = await placed(client)
    for version, (command, status) in enumerate(
        [("confirm", "processing"), ("ship", "shipped"), ("deliver", "delivered")], start=2
    ):
        answer = await client.post(f"/orders/{order['id']}/{command}")
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["version"]) == (status, version)
        assert answer.headers["etag"] == f'"{version}"'


async def test_cancel_stores_reason_and_note(client: httpx.AsyncClient) -> None:
    order = await placed(client)
    why = {"reason": "changed_mind", "note": "first line\nsecond line"}

    answer = await client.post(f"/orders/{order['id']}/cancel", json=why)

    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert why.items() <= answer.json()["cancellation"].items()


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_commands_need_no_body(client: httpx.AsyncClient, body: bytes) -> None:
    order = await placed(client)
    for command in ("confirm", "ship", "deliver"):
        headers = {"Content-Type": "application/json"}
        answer = await client.post(f"/orders/{order['id']}/{command}", content=body, headers=headers)
        assert answer.status_code == 200


async def test_delete_responds_as_in_the_article(client: httpx.AsyncClient) -> None:
    order = await placed(client)

    first = await client.delete(f"/orders/{order['id']}")
    second = await client.delete(f"/orders/{order['id']}")
    unknown = await client.delete("/orders/unknown")

    assert (first.status_code, first.json()) == (200, {"status": "cancelled"})
    assert (second.status_code, second.json()["detail"]) == (422, "Order cannot be cancelled: it is cancelled")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "Order not found")


async def test_repeated_key_returns_the_same_response_without_a_second_effect(client: httpx.AsyncClient) -> None:
    first = await client.post("/orders", json=PLAIN, headers={"Idempotency-Key": "key-1"})
    await client.post(f"/orders/{first.json()['id']}/confirm")
    again = await client.post("/orders", json=PLAIN, headers={"Idempotency-Key": '"key-1"'})

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (again.headers["etag"], again.headers["location"]) == (first.headers["etag"], first.headers["location"])
    assert len((await client.get("/orders")).json()["data"]) == 1


async def test_repeated_command_returns_the_original_response(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    first = await client.post(f"{path}/confirm", headers={"Idempotency-Key": "key-2"})
    await client.post(f"{path}/ship")
    again = await client.post(f"{path}/confirm", headers={"Idempotency-Key": "key-2"})

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"


async def test_key_of_another_request_is_rejected(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "key-3"}
    await client.post("/orders", json=PLAIN, headers=headers)
    other = await client.post("/orders", json={**PLAIN, "total": 9_901}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_dry_run_returns_the_order_and_writes_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders?dry_run=true", json=ORDER, headers={"Idempotency-Key": "key-4"})

    assert (await client.get("/orders")).json()["data"] == []
    placed_later = await client.post("/orders", json=ORDER, headers={"Idempotency-Key": "key-4"})
    assert _without_times(answer) == _without_times(placed_later)
    assert is_marked_as_dry_run(answer)
    assert "dry-run" not in placed_later.headers


@pytest.mark.parametrize("method, command", [("POST", "/confirm"), ("POST", "/cancel"), ("DELETE", "")])
async def test_dry_run_of_a_command_does_not_change_the_order(
    client: httpx.AsyncClient, method: str, command: str
) -> None:
    order = await placed(client)
    answer = await client.request(method, f"/orders/{order['id']}{command}?dry_run=true")
    assert is_marked_as_dry_run(answer)
    assert (await client.get(f"/orders/{order['id']}")).json() == order
    refused = await client.post(f"/orders/{order['id']}/ship?dry_run=true")
    assert refused.status_code == 422
    assert "dry-run" not in refused.headers
    done = await client.request(method, f"/orders/{order['id']}{command}")
    assert _without_times(answer) == _without_times(done)


async def test_dry_run_with_a_used_key_returns_the_original_response(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "key-5"}
    first = await client.post("/orders", json=ORDER, headers=headers)
    again = await client.post("/orders?dry_run=true", json=ORDER, headers=headers)
    assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), '"1"')
    assert again.headers["idempotency-replayed"] == "true"
    assert "dry-run" not in again.headers


def _without_times(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    body = answer.json()
    for times in (body, body.get("cancellation") or {}):
        times |= dict.fromkeys({"at", "created_at", "updated_at", "personal_data"} & times.keys())
    return answer.status_code, body


async def test_links_lead_through_all_pages(client: httpx.AsyncClient) -> None:
    ids = [(await placed(client, external_ref=f"ref-{n}"))["id"] for n in range(5)]
    await placed(client, user_id="other & one", external_ref="ref-9")

    path, found = "/orders?user_id=user-42&limit=2", []
    while path:
        answer = await client.get(path)
        page = answer.json()
        found += [order["id"] for order in page["data"]]
        assert page["has_more"] == ("next" in answer.links) == (page["next_cursor"] is not None)
        path = answer.links["next"]["url"] if page["has_more"] else ""
        query = dict(parse_qsl(urlsplit(path).query))
        assert not path or query == {"user_id": "user-42", "limit": "2", "cursor": page["next_cursor"]}

    assert found == sorted(ids, key=ids.index, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        {"user_id": "user-43"},
        {"status": "processing"},
        {"tag": "ünïcode & co"},
        {"external_ref": "ref/2"},
        {"user_id": "user-43", "tag": "ünïcode & co"},
    ],
)
async def test_list_returns_matching_orders(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    await placed(client)
    order = await placed(client, user_id="user-43", tags=["ünïcode & co"], external_ref="ref/2")
    order = (await client.post(f"/orders/{order['id']}/confirm")).json()

    answer = await client.get("/orders", params=query)

    assert answer.json() == {"data": [order], "has_more": False, "next_cursor": None}


async def test_lists_several_statuses_on_pages_that_link_to_the_next(client: httpx.AsyncClient) -> None:
    orders = [await placed(client, external_ref=f"ref-{number}") for number in range(5)]
    await client.post(f"/orders/{orders[1]['id']}/confirm")
    await client.delete(f"/orders/{orders[2]['id']}")

    found, url = [], "/orders?status=pending&status=processing&limit=3"
    while url:
        page = await client.get(url)
        found.append([order["external_ref"] for order in page.json()["data"]])
        url = page.links.get("next", {}).get("url", "")

    assert found == [["ref-4", "ref-3", "ref-1"], ["ref-0"]]


async def test_search_finds_orders_by_tracking_number_on_pages_that_link_to_the_next(client: httpx.AsyncClient) -> None:
    for number in range(3):
        path = f"/orders/{(await placed(client, external_ref=f'ref-{number}'))['id']}"
        await client.post(f"{path}/confirm")
        await client.post(f"{path}/shipments", json={"tracking_number": f"JD & 01{'-' * number}43"})

    found, url = [], "/orders?q=jd%26+0143&limit=2"
    while url:
        page = await client.get(url)
        found.append([order["external_ref"] for order in page.json()["data"]])
        url = page.links.get("next", {}).get("url", "")

    assert found == [["ref-2", "ref-1"], ["ref-0"]]


@pytest.mark.parametrize(
    "query, code, parameter",
    [
        ("q=", "invalid_query", "q"),
        ("q=%20", "invalid_query", "q"),
        (f"q={'x' * 255}", "invalid_query", "q"),
        ("q=a&status=pending", "unsupported_filter", "status"),
        ("user_id=anna&q=a", "unsupported_filter", "user_id"),
        ("q=a&on_hold=true", "unsupported_filter", "on_hold"),
    ],
)
async def test_search_rejects_filters_and_texts_of_no_or_too_much_length(
    client: httpx.AsyncClient, query: str, code: str, parameter: str
) -> None:
    problem = (await client.get(f"/orders?{query}")).json()
    assert (problem["status"], problem["code"]) == (422, code)
    assert [error["parameter"] for error in problem["errors"]] == [parameter]


async def test_list_filters_by_creation_time(client: httpx.AsyncClient) -> None:
    first, second = await placed(client), await placed(client, external_ref="ref-2")
    later = await client.get("/orders", params={"created_from": second["created_at"]})
    earlier = await client.get("/orders", params={"created_to": second["created_at"]})
    assert ([o["id"] for o in later.json()["data"]], [o["id"] for o in earlier.json()["data"]]) == (
        [second["id"]],
        [first["id"]],
    )


async def test_past_order_is_returned_by_version_and_time(client: httpx.AsyncClient) -> None:
    first = await placed(client)
    path = f"/orders/{first['id']}"
    await client.post(f"{path}/confirm")

    by_version = await client.get(path, params={"version": 1})
    by_instant = await client.get(path, params={"at": first["created_at"].replace("Z", "+00:00")})

    assert by_version.json() == by_instant.json() == without_personal_data(first)
    assert by_version.headers["etag"] == '"1"'
    for query in ({"version": 3}, {"at": "2001-02-03T04:05:06Z"}):
        missing = await client.get(path, params=query)
        assert (missing.status_code, missing.json()["code"]) == (404, "version_not_found")
    both = await client.get(path, params={"version": 1, "at": first["created_at"]})
    assert errors_of(both) == {"at": "invalid_parameter"}


async def test_history_lists_actor_and_events(client: httpx.AsyncClient) -> None:
    order = await placed(client)
    path = f"/orders/{order['id']}"
    cancelled = await client.post(f"{path}/cancel", json={"reason": "fraud"}, headers={"X-Request-Id": "call-2"})

    first = (await client.get(f"{path}/history?limit=1")).json()
    second = (await client.get(f"{path}/history", params={"cursor": first["next_cursor"]})).json()

    (placing,), (cancelling,) = first["data"], second["data"]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert placing["order"] == without_personal_data(order)
    assert cancelling["order"] == without_personal_data(cancelled.json())
    assert (cancelling["version"], cancelling["actor"], cancelling["request_id"]) == (2, "staff:local", "call-2")
    assert cancelling["events"] == [{"type": "OrderCancelled", "data": {"reason": "fraud", "note": None}}]
    assert cancelling["previous_hash"] == placing["hash"]
    assert (placing["previous_hash"], len(placing["hash"])) == ("", 64)


async def test_links_include_the_root_path() -> None:
    async with http_client(root_path="/shop") as client:
        answer = await client.post("/orders", json=PLAIN)
        await client.post("/orders", json=PLAIN)
        page = await client.get("/orders?limit=1")
    assert answer.headers["location"] == f"/shop/orders/{answer.json()['id']}"
    assert page.links["next"]["url"].startswith("/shop/orders?limit=1&cursor=")


@pytest.mark.parametrize(
    "query, given",
    [
        (b"", ""),
        (b"limit=1&cursor=abc", "limit=1&"),
        (b"c%75rsor=abc&tag=&limit=1", "tag=&limit=1&"),
        (b"tag=a%26b+c&&limit=1", "tag=a%26b+c&limit=1&"),
        (b"tag=a>b\"<'", "tag=a%3Eb%22%3C%27&"),
    ],
)
def test_link_to_next_page_repeats_the_query_without_its_cursor(query: bytes, given: str) -> None:
    scope = {"type": "http", "path": "/orders", "root_path": "", "query_string": query}
    response = orders_response(Request(scope), OrderPage(b"", "next-1"))
    assert response.headers["link"] == f'</orders?{given}cursor=next-1>; rel="next"'
