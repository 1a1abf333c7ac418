"""Receipts and other documents over HTTP: issued once, returned unchanged, never executed."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest

from orderkeep.application.use_cases import issue_receipt
from orderkeep.application.use_cases.issue_receipt import MOST_OF_AN_ACTOR
from orderkeep.bootstrap import build_use_cases
from orderkeep.entrypoints.api.app import ROUTES
from orderkeep.entrypoints.api.shell import BOUNDED_ELSEWHERE
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.entrypoints.http_calls import errors_of, http_client, is_marked_as_dry_run, placed
from tests.entrypoints.log_reading import Logged
from tests.receipts import HeldReceipts, use_cases_with_receipts
from tests.test_documents import ForgetfulDocumentStore, LinkingDocumentStore


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that makes receipts in both formats."""
    async with http_client(use_cases_with_receipts(None, "html", "pdf")) as found:
        yield found


async def documents_path(client: httpx.AsyncClient) -> str:
    return f"/orders/{(await placed(client))['id']}/documents"


async def test_issued_receipt_is_at_its_location(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    answer = await client.post(f"{path}/receipt")
    document = answer.json()

    assert (answer.status_code, answer.headers["etag"]) == (201, '"2"')
    assert answer.headers["location"] == f"{path}/{document['id']}"
    assert (document["kind"], document["media_type"]) == ("receipt", "text/html")
    assert (document["order_version"], document["since_version"]) == (1, 2)
    order = (await client.get(path.removesuffix("/documents"))).json()
    assert order["documents"] == [document]

    found = await client.get(answer.headers["location"])
    assert found.status_code == 200
    assert sha256(found.content).hexdigest() == document["id"]
    assert len(found.content) == document["size"]


async def test_document_is_an_attachment_that_executes_nothing(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    for body, media_type in (({}, "text/html; charset=utf-8"), ({"format": "pdf"}, "application/pdf")):
        issued = await client.post(f"{path}/receipt", json=body)
        answer = await client.get(issued.headers["location"])
        name = f"receipt-{path.split('/')[2]}-v1.{'pdf' if body else 'html'}"
        assert answer.headers["content-type"] == media_type
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'; ")
        assert "script" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["etag"] == f'"{issued.json()["id"]}"'


async def test_receipt_that_was_issued_before_is_returned(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    first = await client.post(f"{path}/receipt")
    again = await client.post(
        f"{path}/receipt", json={"format": "html", "version": 1}, headers={"Idempotency-Key": "k"}
    )

    assert (again.status_code, again.content) == (200, first.content)
    assert (again.headers["location"], again.headers["etag"]) == (first.headers["location"], '"2"')
    assert (again.headers["unchanged"], "idempotency-replayed" in again.headers) == ("true", False)
    assert (await client.get(path)).json() == {"data": [first.json()], "has_more": False, "next_cursor": None}


async def test_repeated_key_returns_the_original_receipt(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    key = {"Idempotency-Key": "key-1"}
    first = await client.post(f"{path}/receipt", headers=key)
    await client.post(path.replace("/documents", "/confirm"))
    again = await client.post(f"{path}/receipt", headers=key)
    other = await client.post(f"{path}/receipt", json={"format": "pdf"}, headers=key)

    assert not {"idempotency-replayed", "unchanged"} & first.headers.keys()
    assert "unchanged" not in again.headers
    assert (again.status_code, again.content) == (201, first.content)
    assert (again.headers["etag"], again.headers["idempotency-replayed"]) == ('"2"', "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_documents_are_listed_oldest_first(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    assert (await client.get(path)).json() == {"data": [], "has_more": False, "next_cursor": None}
    issued = [(await client.post(f"{path}/receipt", json={"format": name})).json() for name in ("pdf", "html")]
    await client.post(path.replace("/documents", "/confirm"))
    issued.append((await client.post(f"{path}/receipt")).json())
    assert (await client.get(path)).json()["data"] == issued
    assert [each["order_version"] for each in issued] == [1, 1, 4]


async def test_dry_run_of_a_receipt_stores_nothing() -> None:
    async with http_client(use_cases_with_receipts(ForgetfulDocumentStore(None))) as client:
        path = await documents_path(client)
        tried = await client.post(f"{path}/receipt?dry_run=true")
        assert (await client.get(path)).json()["data"] == []
        issued = await client.post(f"{path}/receipt")
        again = await client.post(f"{path}/receipt?dry_run=true")
        assert (tried.status_code, issued.status_code, again.status_code) == (201, 201, 200)
        assert tried.json() | {"created_at": ""} == issued.json() | {"created_at": ""}
        assert again.json() == issued.json()
        assert is_marked_as_dry_run(tried)
        assert is_marked_as_dry_run(again)


@pytest.mark.parametrize(
    "body, errors",
    [
        ({"format": "docx"}, {"/format": "unknown_format"}),
        ({"format": 7}, {"/format": "wrong_type"}),
        ({"version": 0}, {"/version": "invalid_value"}),
        ({"version": -1}, {"/version": "invalid_value"}),
        ({"version": 10**15}, {"/version": "invalid_value"}),
        ({"version": "1"}, {"/version": "wrong_type"}),
        ({"version": 1.5}, {"/version": "wrong_type"}),
        ({"version": True}, {"/version": "wrong_type"}),
        ({"kind": "invoice"}, {"/kind": "unknown_field"}),
        ([], {"": "wrong_type"}),
    ],
)
async def test_malformed_receipt_requests_are_rejected(
    client: httpx.AsyncClient, body: object, errors: dict[str, str]
) -> None:
    path = await documents_path(client)
    assert errors_of(await client.post(f"{path}/receipt", json=body)) == errors
    assert (await client.get(path)).json()["data"] == []


async def test_unknown_format_lists_the_available_formats() -> None:
    async with http_client(use_cases_with_receipts()) as client:
        answer = await client.post(f"{await documents_path(client)}/receipt", json={"format": "pdf"})
        assert errors_of(answer) == {"/format": "unknown_format"}
        assert answer.json()["detail"] == "/format must be one of html"


async def test_receipt_checks_if_match_and_idempotency_key(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    changed = await client.post(f"{path}/receipt", headers={"If-Match": '"2"'})
    assert (changed.status_code, changed.json()["code"]) == (412, "version_mismatch")
    assert (await client.post(f"{path}/receipt", headers={"If-Match": '"1"'})).status_code == 201
    unknown = await client.post(f"{path}/receipt", json={"version": 3})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "version_not_found")


async def test_order_has_at_most_a_hundred_documents(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    for version in range(1, 101):
        answer = await client.post(f"{path}/receipt", json={"version": version})
        assert answer.status_code == 201
    refused = await client.post(f"{path}/receipt", json={"version": 101})
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_documents")
    page = (await client.get(path)).json()
    assert (len(page["data"]), page["has_more"]) == (100, False)


async def test_missing_documents_are_not_found(client: httpx.AsyncClient) -> None:
    path = await documents_path(client)
    elsewhere = await documents_path(client)
    issued = await client.post(f"{path}/receipt")
    for unknown in ("f" * 64, "receipt", "%00", "..%2f..%2forders.db", "x" * 9_000, "%0d%0aX:1"):
        for headers in ({}, {"If-None-Match": "*"}):
            answer = await client.get(f"{path}/{unknown}", headers=headers)
            assert answer.status_code == 404
            assert answer.json()["code"] in ("document_not_found", "not_found")
    strange = await client.get(f"{elsewhere}/{issued.json()['id']}")
    assert (strange.status_code, strange.json()["detail"]) == (404, "the order has no document with this ID")
    for method, target in (("POST", "/receipt"), ("GET", ""), ("GET", f"/{issued.json()['id']}")):
        answer = await client.request(method, f"/orders/unknown/documents{target}")
        assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (404, "Order not found")


async def test_known_document_is_not_modified(client: httpx.AsyncClient) -> None:
    location = (await client.post(f"{await documents_path(client)}/receipt")).headers["location"]
    etag = (await client.get(location)).headers["etag"]
    for tags in (etag, f"W/{etag}", f'"1", {etag}', "*"):
        answer = await client.get(location, headers={"If-None-Match": tags})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert answer.headers["cache-control"] == "no-store"
    assert (await client.get(location, headers={"If-None-Match": '"1"'})).status_code == 200
    wrong = await client.get(location, headers={"If-None-Match": "1"})
    assert errors_of(wrong) == {"If-None-Match": "invalid_header"}


async def test_head_of_a_document_has_the_headers_of_get(client: httpx.AsyncClient) -> None:
    location = (await client.post(f"{await documents_path(client)}/receipt")).headers["location"]
    got, head = await client.get(location), await client.head(location)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "content-disposition", "etag"):
        assert head.headers[name] == got.headers[name]


async def test_caller_is_redirected_to_a_temporary_link() -> None:
    async with http_client(use_cases_with_receipts(LinkingDocumentStore())) as client:
        issued = await client.post(f"{await documents_path(client)}/receipt")
        answer = await client.get(issued.headers["location"])
        order_id, document_id = issued.headers["location"].split("/")[2::2]
        where = f"https://files.example/orders/{order_id}/{document_id}.html"
        assert answer.status_code == 307
        assert answer.headers["location"] == f"{where}?name=receipt-{order_id}-v1.html&seconds=300"
        assert (answer.headers["cache-control"], answer.content) == ("no-store", b"")
        kept = await client.get(issued.headers["location"], headers={"If-None-Match": f'"{document_id}"'})
        assert kept.status_code == 304


@pytest.mark.parametrize("found", [None, b"<script>alert(1)</script>"])
async def test_missing_or_altered_document_is_not_returned(found: bytes | None, logged: Logged) -> None:
    async with http_client(use_cases_with_receipts(ForgetfulDocumentStore(found))) as client:
        issued = await client.post(f"{await documents_path(client)}/receipt")
        answer = await client.get(issued.headers["location"])
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unusable")
        assert "retry-after" not in answer.headers
        line = logged.one("service unavailable")
        assert (line["request_id"], line["code"]) == (answer.headers["x-request-id"], "store_unusable")
        assert "is missing or" in line["reason"]
        assert "is missing or" not in answer.text


async def test_links_include_the_root_path() -> None:
    async with http_client(use_cases_with_receipts(InMemoryDocumentStore()), root_path="/shop") as client:
        path = await documents_path(client)
        issued = await client.post(f"{path}/receipt")
        assert issued.headers["location"] == f"/shop{path}/{issued.json()['id']}"


@pytest.mark.parametrize("method, path, allowed", [("PUT", "receipt", "POST"), ("DELETE", "f" * 64, "GET, HEAD")])
async def test_documents_cannot_be_replaced_or_deleted(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, f"/orders/1/documents/{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_receipts_have_limits_of_their_own_and_hold_no_slot() -> None:
    held = HeldReceipts(MOST_OF_AN_ACTOR)
    use_cases = build_use_cases(InMemoryOrderRepository(), InMemoryDocumentStore(), {"html": held})
    async with http_client(use_cases, max_concurrency=1) as client, asyncio.TaskGroup() as group:
        path = await documents_path(client)
        waiting = [group.create_task(client.post(f"{path}/receipt?dry_run=true")) for _ in range(MOST_OF_AN_ACTOR)]
        await held.all_started()
        assert (await client.get("/orders")).status_code == 200
        rejected = await client.post(f"{path}/receipt")
        assert (rejected.status_code, rejected.headers["retry-after"]) == (429, "1")
        held.released.set()
    assert [task.result().status_code for task in waiting] == [201] * MOST_OF_AN_ACTOR


async def test_too_many_receipts_of_all_are_an_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue_receipt, "MOST_AT_ONCE", 0)
    async with http_client() as client:
        rejected = await client.post(f"{await documents_path(client)}/receipt")
    assert (rejected.status_code, rejected.json()["code"]) == (503, "overloaded")
    assert rejected.headers["retry-after"] == "1"


def test_every_route_with_a_limit_of_its_own_exists() -> None:
    assert {route.path for route in ROUTES} >= BOUNDED_ELSEWHERE
