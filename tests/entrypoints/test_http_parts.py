"""The parts of an order over HTTP: shipments, payments, refunds, returns, notes and holds."""

import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from orderkeep.entrypoints.schemas import EditOrderBody
from tests.entrypoints.http_calls import document, errors_of, placed

PAYMENT = {"reference": "pay-1", "kind": "captured", "amount": 10_260, "method": "card"}


async def post(client: httpx.AsyncClient, path: str, body: Any = None, **headers: str) -> Any:
    """Return the order that a command responds with."""
    response = await client.post(path, json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
async def path(client: httpx.AsyncClient) -> str:
    """The path of a confirmed order of 2 lamps and 3 bulbs."""
    order = await placed(client)
    await post(client, f"/orders/{order['id']}/confirm")
    return f"/orders/{order['id']}"


async def test_ships_in_parts_tracks_and_delivers(client: httpx.AsyncClient, path: str) -> None:
    first = {
        "lines": [{"line": "l2", "quantity": 2}],
        "carrier": "DHL",
        "tracking_number": "T-1",
        "tracking_url": "https://parcels.example/T-1",
        "occurred_at": "2026-11-22T11:00:00+01:00",
    }
    order = await post(client, f"{path}/shipments", first)
    assert order["shipments"] == [
        {
            "id": "s1", "lines": [{"line": "l2", "quantity": 2}], "carrier": "DHL", "tracking_number": "T-1",
            "tracking_url": "https://parcels.example/T-1", "shipped_at": "2026-11-22T10:00:00Z", "delivered_at": None,
        }
    ]  # fmt: skip
    order = await post(client, f"{path}/shipments")
    assert (order["status"], order["shipments"][1]["lines"][0]) == ("shipped", {"line": "l1", "quantity": 2})
    order = await post(client, f"{path}/shipments/s2/deliver")
    assert (order["status"], order["lines"][0]["delivered"]) == ("shipped", 2)
    order = await post(client, f"{path}/shipments/s1/deliver", {"occurred_at": "2026-11-23T10:00:00Z"})
    assert (order["status"], order["shipments"][0]["delivered_at"]) == ("delivered", "2026-11-23T10:00:00Z")


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_patch_of_a_shipment_keeps_what_is_omitted_and_removes_null(
    media_type: str, client: httpx.AsyncClient, path: str
) -> None:
    await post(client, f"{path}/shipments", {"carrier": "DHL", "tracking_number": "T-1"})
    patch, headers = b'{"tracking_number": null, "tracking_url": "http://a.example"}', {"Content-Type": media_type}
    response = await client.patch(f"{path}/shipments/s1", content=patch, headers=headers)
    [shipment] = response.json()["shipments"]
    assert [shipment[name] for name in ("carrier", "tracking_number", "tracking_url")] == [
        "DHL", None, "http://a.example",
    ]  # fmt: skip
    again = await client.patch(f"{path}/shipments/s1", content=b"{}", headers=headers)
    assert "idempotency-replayed" not in again.headers
    assert (again.headers["unchanged"], again.headers["etag"]) == ("true", response.headers["etag"])


async def test_merge_patch_is_no_media_type_of_other_methods(client: httpx.AsyncClient, path: str) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    response = await client.post(f"{path}/payments", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


async def test_records_a_payment_once(client: httpx.AsyncClient, path: str) -> None:
    order = await post(client, f"{path}/payments", {**PAYMENT, "occurred_at": "2026-11-22T10:00:00Z"})
    assert order["payments"] == [{**PAYMENT, "occurred_at": "2026-11-22T10:00:00Z"}]
    assert (order["payment_status"], order["captured"]) == ("paid", 10_260)
    again = await client.post(f"{path}/payments", json=PAYMENT)
    assert (again.status_code, again.headers["unchanged"], again.json()) == (200, "true", order)
    other = await client.post(f"{path}/payments", json={**PAYMENT, "amount": 10_261})
    assert (other.status_code, other.json()["code"]) == (409, "recorded_differently")
    assert errors_of(other, 409) == {"/amount": "recorded_differently"}
    assert "10260, not 10261" in other.json()["detail"]


async def test_a_key_is_rejected_with_another_payment(client: httpx.AsyncClient, path: str) -> None:
    key = {"Idempotency-Key": "key-1"}
    await client.post(f"{path}/payments", json=PAYMENT, headers=key)
    other = await client.post(f"{path}/payments", json={**PAYMENT, "reference": "pay-2"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("reference", ["ref-1", "a/b c", "50% off?#ß/../x", "/"])
async def test_closes_a_refund_with_any_reference(reference: str, client: httpx.AsyncClient, path: str) -> None:
    await post(client, f"{path}/payments", PAYMENT)
    refund = {"reference": reference, "amount": 300, "reason": "damaged", "lines": [{"line": "l2", "quantity": 1}]}
    order = await post(client, f"{path}/refunds", refund)
    assert order["refunds"][0]["status"] == "pending"
    url, outcome = f"{path}/refunds/{quote(reference, safe='')}", {"status": "succeeded"}
    closed = await client.patch(url, json={**outcome, "occurred_at": "2026-11-22T10:00:00Z"})
    assert closed.status_code == 200, closed.text
    assert closed.json()["refunds"] == [
        {**refund, **outcome, "created_at": order["updated_at"], "closed_at": "2026-11-22T10:00:00Z"}
    ]
    unknown = await client.patch(f"{url}0", json=outcome)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "refund_not_found")


async def test_refunds_no_more_than_was_captured(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(f"{path}/refunds", json={"reference": "ref-1", "amount": 300})
    assert (response.status_code, response.json()["code"]) == (422, "refund_exceeds_payments")
    assert errors_of(response, 422) == {"/amount": "refund_exceeds_payments"}


async def test_receives_a_return(client: httpx.AsyncClient, path: str) -> None:
    await post(client, f"{path}/ship")
    await post(client, f"{path}/deliver")
    order = await post(client, f"{path}/returns", {"lines": [{"line": "l2", "quantity": 2}], "reason": "too large"})
    assert (order["return_status"], order["returns"][0]["reason"]) == ("requested", "too large")
    arrived = [{"line": "l2", "quantity": 1, "condition": "scratched"}]
    order = await post(client, f"{path}/returns/r1/receive", {"lines": arrived, "note": "One is missing."})
    [found] = order["returns"]
    assert (found["status"], found["received"], found["note"]) == ("received", arrived, "One is missing.")
    closed = await client.post(f"{path}/returns/r1/reject")
    assert (closed.status_code, closed.json()["code"]) == (422, "return_already_closed")


@pytest.mark.parametrize("command, status", [("reject", "rejected"), ("cancel", "cancelled")])
async def test_closes_a_return(command: str, status: str, client: httpx.AsyncClient, path: str) -> None:
    await post(client, f"{path}/ship")
    await post(client, f"{path}/deliver")
    await post(client, f"{path}/returns")
    order = await post(client, f"{path}/returns/r1/{command}", {"note": "After 30 days."})
    assert [(each["status"], each["note"]) for each in order["returns"]] == [(status, "After 30 days.")]


async def test_holds_cancels_lines_and_releases(client: httpx.AsyncClient, path: str) -> None:
    hold = {"reason": "fraud", "note": "Call.", "until": "9999-01-01T00:00:00Z"}
    order = await post(client, f"{path}/hold", hold)
    assert order["hold"] == {**hold, "at": order["updated_at"]}
    rejected = await client.post(f"{path}/ship")
    assert (rejected.status_code, rejected.json()["code"]) == (422, "order_on_hold")
    units = {"lines": [{"line": "l1", "quantity": 1}], "reason": "sold out", "note": "No lamps."}
    order = await post(client, f"{path}/cancel-lines", units)
    assert ([line["cancelled"] for line in order["lines"]], order["on_hold"]) == ([1, 0], True)
    order = await post(client, f"{path}/release")
    assert (order["on_hold"], order["hold"]) == (False, None)
    order = await post(client, f"{path}/cancel-lines", {"reason": "sold out"})
    assert (order["status"], order["cancellation"]["reason"]) == ("cancelled", "sold out")


async def test_adds_and_edits_notes(client: httpx.AsyncClient, path: str) -> None:
    order = await post(client, f"{path}/notes", {"text": "Called.\nTwice."})
    order = await post(client, f"{path}/notes", {"text": "Will come on Monday.", "visibility": "customer"})
    assert [(note["id"], note["visibility"]) for note in order["notes"]] == [("n1", "internal"), ("n2", "customer")]
    edited = await client.patch(f"{path}/notes/n2", json={"text": "Will come on Tuesday."})
    assert [note["text"] for note in edited.json()["notes"]] == ["Called.\nTwice.", "Will come on Tuesday."]
    earlier = await client.get(path, params={"version": order["version"]})
    assert earlier.json()["notes"][1]["text"] == "Will come on Monday."
    unknown = await client.patch(f"{path}/notes/n3", json={"text": "?"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "note_not_found")


async def test_dry_run_and_if_match_apply(client: httpx.AsyncClient, path: str) -> None:
    dry = await client.post(f"{path}/payments", json=PAYMENT, params={"dry_run": "true"})
    assert (dry.headers["dry-run"], dry.json()["captured"]) == ("true", 10_260)
    assert (await client.get(path)).json()["captured"] == 0
    stale = await client.post(f"{path}/payments", json=PAYMENT, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")


@pytest.mark.parametrize(
    "command, body, expected",
    [
        (
            "payments",
            {"reference": "", "kind": "paid", "amount": 0, "method": "m" * 51, "occurred_at": "today", "x": 1},
            {
                "/reference": "text_missing", "/kind": "invalid_value", "/amount": "amount_out_of_range",
                "/method": "text_too_long", "/occurred_at": "invalid_time", "/x": "unknown_field",
            },
        ),
        ("payments", {**PAYMENT, "occurred_at": "9999-01-01T00:00:00Z"}, {"/occurred_at": "invalid_time"}),
        ("refunds", {"reference": "r" * 129, "amount": True, "lines": []}, {
            "/reference": "text_too_long", "/amount": "wrong_type", "/lines": "invalid_value",
        }),
        ("shipments", {"lines": [{"line": "l3", "quantity": 1}]}, {"/lines/0/line": "unknown_line"}),
        ("shipments", {"lines": [{"line": "l1", "quantity": 1}] * 2}, {"/lines/1/line": "duplicate_line"}),
        ("shipments", {"tracking_url": "ftp://a.example"}, {"/tracking_url": "invalid_url"}),
        ("cancel-lines", {"lines": [{"line": "l1", "quantity": 0}]}, {"/lines/0/quantity": "quantity_out_of_range"}),
        ("hold", {"note": "Without a reason."}, {"/reason": "field_missing"}),
        ("hold", {"reason": "fraud", "until": "2026-01-01T00:00:00Z"}, {"/until": "invalid_time"}),
        ("notes", {"text": "Called.", "visibility": "public"}, {"/visibility": "invalid_value"}),
    ],
)  # fmt: skip
async def test_rejects_invalid_values_by_field(
    command: str, body: Any, expected: dict[str, str], client: httpx.AsyncClient, path: str
) -> None:
    assert errors_of(await client.post(f"{path}/{command}", json=body)) == expected


async def test_bounds_of_bodies_are_those_of_the_domain(client: httpx.AsyncClient, path: str) -> None:
    largest = {"reference": "r" * 128, "kind": "failed", "amount": 10**15 - 1, "method": "m" * 50}
    assert (await post(client, f"{path}/payments", largest))["payments"][0]["amount"] == 10**15 - 1
    url = "https://a.example/" + "u" * 482
    tracked = {"carrier": "c" * 50, "tracking_number": "t" * 100, "tracking_url": url}
    assert (await post(client, f"{path}/shipments", tracked))["shipments"][0]["tracking_url"] == url
    assert len((await post(client, f"{path}/notes", {"text": "n" * 1_000}))["notes"]) == 1


async def test_actions_are_allowed_or_have_the_code_of_the_error(client: httpx.AsyncClient, path: str) -> None:
    found = (await client.get(f"{path}/actions")).json()
    assert found["version"] == 2
    assert found["actions"][:2] == [
        {"name": "confirm", "allowed": False, "code": "cannot_confirm_order",
         "reason": "Order cannot be confirmed: it is processing"},
        {"name": "ship", "allowed": True, "code": None, "reason": None},
    ]  # fmt: skip
    unknown = await client.get("/orders/no-such-order/actions")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "order_not_found")


async def test_edits_tags_metadata_and_a_missing_external_ref(client: httpx.AsyncClient) -> None:
    order = await placed(client, external_ref=None)
    url, changes = f"/orders/{order['id']}", {"external_ref": "web-9", "tags": None, "metadata": {"channel": None}}
    headers = {"Content-Type": "application/merge-patch+json"}
    edited = await client.patch(url, content=json.dumps(changes), headers=headers)
    assert edited.status_code == 200, edited.text
    assert (edited.json()["external_ref"], edited.json()["tags"]) == ("web-9", [])
    assert edited.json()["metadata"] == {"note": "line\nbreak", "empty": ""}
    again = await client.patch(url, json={"external_ref": None})
    assert (again.status_code, again.json()["code"]) == (422, "external_ref_is_set")
    assert errors_of(again, 422) == {"/external_ref": "external_ref_is_set"}
    wrong = await client.patch(url, json={"tags": ["a", "a"], "total": 1})
    assert errors_of(wrong) == {
        "/tags/1": "duplicate_tag", "/total": "unknown_field",
    }  # fmt: skip


async def test_edit_reports_how_the_other_fields_of_an_order_are_changed(client: httpx.AsyncClient) -> None:
    order = await placed(client)
    others = order.keys() - EditOrderBody.model_fields.keys()
    answer = await client.patch(f"/orders/{order['id']}", json=dict.fromkeys(others, 1) | {"statuses": 1})
    messages = {error["pointer"][1:]: error["message"] for error in answer.json()["errors"]}
    assert {name for name, message in messages.items() if message.startswith("cannot be changed")} == others
    assert messages["total"] == "cannot be changed"
    lines = "/orders/{order_id}/cancel-lines or /orders/{order_id}/returns"
    assert messages["lines"] == f"cannot be changed with PATCH: use POST {lines}"
    assert messages["statuses"].startswith("is not a known field: use one of ")
    paths = {path for message in messages.values() for path in re.findall(r"/orders/\S+", message)}
    assert paths < document()["paths"].keys()
