"""Requests and responses of the HTTP service: bodies, status codes, headers and problem documents."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from sample_service.domain.exceptions import StoreUnavailable
from sample_service.entrypoints.api.problems import MAX_BODY_BYTES
from tests.entrypoints.http_calls import place


def problem(response: Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == response.status_code
    assert document["type"] == f"urn:sample-service:problem:{document['code']}"
    return document


async def test_place_returns_the_sample_item(client: AsyncClient) -> None:
    placed = await client.post("/sample-items", json={"name": "First"})
    assert (placed.status_code, placed.headers["etag"]) == (201, '"1"')
    body = placed.json()
    assert list(body) == ["id", "name", "status", "created_at", "updated_at", "version"]
    assert (body["name"], body["status"], body["version"]) == ("First", "pending", 1)
    assert (await client.get(f"/sample-items/{body['id']}")).json() == body


async def test_repeated_key_returns_the_same_sample_item(client: AsyncClient) -> None:
    headers = {"Idempotency-Key": "key"}
    first = await client.post("/sample-items", json={"name": "First"}, headers=headers)
    again = await client.post("/sample-items", json={"name": "First"}, headers=headers)
    other = await client.post("/sample-items", json={"name": "Second"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, problem(other)["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["body/name"]),
        ({"name": ""}, ["body/name"]),
        ({"name": "n" * 201}, ["body/name"]),
        ({"name": 1, "unknown": 2}, ["body/name", "body/unknown"]),
        ({"name": "two\nlines"}, ["body/name"]),
    ],
)
async def test_invalid_body_names_each_field(client: AsyncClient, body: dict[str, Any], fields: list[str]) -> None:
    rejected = await client.post("/sample-items", json=body)
    assert rejected.status_code == 422
    assert [error["field"] for error in problem(rejected)["errors"]] == fields


async def test_rule_of_the_domain_is_in_the_problem(client: AsyncClient) -> None:
    document = problem(await client.post("/sample-items", json={"name": " "}))
    assert (document["code"], document["title"]) == ("text_missing", "Text must not be blank")
    assert document["errors"] == [{"field": "body/name", "message": "must not be empty or blank"}]


@pytest.mark.parametrize(
    "body, status, detail",
    [
        (b'{"name": First}', 422, "body is not valid JSON: Expecting value, at character 10"),
        (b'{"name"', 422, "body is not valid JSON: Expecting ':' delimiter, at character 8"),
        (b'{"name": "\xff"}', 400, "There was an error parsing the body: 'utf-8' codec can't decode byte 0xff"),
    ],
)
async def test_invalid_json_is_explained(client: AsyncClient, body: bytes, status: int, detail: str) -> None:
    rejected = await client.post("/sample-items", content=body, headers={"Content-Type": "application/json"})
    assert rejected.status_code == status
    assert problem(rejected)["detail"].startswith(detail)


@pytest.mark.parametrize("is_announced", [True, False])
async def test_longest_body_is_read_and_a_longer_one_is_rejected(client: AsyncClient, is_announced: bool) -> None:
    async def send(size: int) -> Response:
        body = b'{"name": "First"}'.ljust(size)

        async def parts() -> AsyncIterator[bytes]:
            yield body[:100]
            yield body[100:]

        content = body if is_announced else parts()
        return await client.post("/sample-items", content=content, headers={"Content-Type": "application/json"})

    assert (await send(MAX_BODY_BYTES)).status_code == 201
    rejected = await send(MAX_BODY_BYTES + 1)
    assert (rejected.status_code, problem(rejected)["code"]) == (413, "body_too_large")
    assert problem(rejected)["detail"] == "the body must have at most 65536 bytes"


async def test_list_has_pages(client: AsyncClient) -> None:
    ids = [await place(client, f"Name {number}") for number in range(3)]
    first = (await client.get("/sample-items", params={"limit": 2})).json()
    second = (await client.get("/sample-items", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in (*first["data"], *second["data"])] == ids[::-1]
    assert second["next_cursor"] is None
    await client.post(f"/sample-items/{ids[1]}/confirm")
    confirmed = (await client.get("/sample-items", params={"status": "confirmed"})).json()
    assert [each["id"] for each in confirmed["data"]] == [ids[1]]


@pytest.mark.parametrize(
    "query, field",
    [
        ("limit=0", "query/limit"),
        ("limit=201", "query/limit"),
        ("status=unknown", "query/status"),
        ("cursor=unknown", "query/cursor"),
        ("page=2", "query/page"),
    ],
)
async def test_invalid_query_names_the_parameter(client: AsyncClient, query: str, field: str) -> None:
    rejected = await client.get(f"/sample-items?{query}")
    assert rejected.status_code == 422
    assert [error["field"] for error in problem(rejected)["errors"]] == [field]


async def test_confirm_and_cancel_change_the_status(client: AsyncClient) -> None:
    path = f"/sample-items/{await place(client)}"
    assert (await client.post(f"{path}/confirm")).json()["status"] == "confirmed"
    assert (await client.post(f"{path}/cancel")).json()["status"] == "cancelled"
    rejected = await client.post(f"{path}/cancel")
    assert (rejected.status_code, problem(rejected)["code"]) == (422, "cannot_cancel_sample_item")
    assert problem(rejected)["detail"] == "Sample item cannot be cancelled: it is cancelled"


@pytest.mark.parametrize("tag, status", [('"1"', 200), ("*", 200), ('"2"', 412), ("1", 422), ('W/"1"', 422)])
async def test_command_has_the_condition_of_if_match(client: AsyncClient, tag: str, status: int) -> None:
    path = f"/sample-items/{await place(client)}/confirm"
    assert (await client.post(path, headers={"If-Match": tag})).status_code == status


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://name-at-a-proxy.test"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.test"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "https://elsewhere.test"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_page_of_another_site_changes_nothing(client: AsyncClient, headers: dict[str, str], status: int) -> None:
    path = f"/sample-items/{await place(client)}"
    sent = await client.post(f"{path}/confirm", headers=headers)
    assert sent.status_code == status
    found = await client.get(path, headers=headers)
    assert (found.status_code, found.json()["status"]) == (200, "confirmed" if status == 200 else "pending")
    if status == 403:
        assert problem(sent)["code"] == "forbidden"
        assert "a page of another site sent this request" in problem(sent)["detail"]


async def test_unknown_sample_item_and_path_are_not_found(client: AsyncClient) -> None:
    assert problem(await client.get("/sample-items/unknown"))["code"] == "sample_item_not_found"
    assert problem(await client.get("/unknown"))["code"] == "not_found"
    assert problem(await client.put("/sample-items"))["code"] == "method_not_allowed"


async def test_unavailable_store_is_reported_without_its_details(
    app: FastAPI,
    client: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> None:
        raise StoreUnavailable("secret")

    monkeypatch.setattr(app.state.use_cases.get_sample_item.repo, "get_by_id", fail)
    failed = await client.get("/sample-items/1")
    assert (failed.status_code, failed.headers["retry-after"]) == (503, "1")
    assert "secret" not in problem(failed)["detail"]


async def test_bug_is_reported_without_its_details(
    app: FastAPI,
    client: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(app.state.use_cases.get_sample_item.repo, "get_by_id", fail)
    assert problem(await client.get("/sample-items/1"))["code"] == "internal_error"


async def test_ready_while_the_store_is_open(client: AsyncClient) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_document_describes_problems_and_headers(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/sample-items/{sample_item_id}/confirm"]["post"]
    assert set(operation["responses"]) == {"200", "403", "404", "409", "412", "413", "422", "503"}
    assert [each["name"].lower() for each in operation["parameters"]] == ["sample_item_id", "if-match"]
