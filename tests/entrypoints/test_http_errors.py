"""Rejected requests and their messages. The client checks the form of every problem document."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.entrypoints.http_calls import ORDER, PLAIN, errors_of, http_client, placed

JSON = {"Content-Type": "application/json"}
SECRET = "hunter2"


async def test_all_invalid_fields_are_reported_at_once(client: httpx.AsyncClient) -> None:
    line = {"sku": " ", "name": "Lamp\x00", "quantity": 0, "unit_price": "9900", SECRET: 1}
    wrong = {
        "user_id": "x" * 129,
        "total": 99.5,
        "currency": "eur",
        "lines": [ORDER["lines"][0], line],
        "shipping": -1,
        "discount": True,
        "tax": 10**15,
        "external_ref": 7,
        "tags": ["a", "a"],
        "metadata": {"a/b~c": 1, "k" * 41: "v"},
        "status": "shipped",
    }
    assert errors_of(await client.post("/orders", json=wrong)) == {
        "/user_id": "text_too_long",
        "/total": "wrong_type",
        "/currency": "unknown_currency",
        "/lines/1/sku": "text_missing",
        "/lines/1/name": "text_not_printable",
        "/lines/1/quantity": "quantity_out_of_range",
        "/lines/1/unit_price": "wrong_type",
        f"/lines/1/{SECRET}": "unknown_field",
        "/shipping": "amount_out_of_range",
        "/discount": "wrong_type",
        "/tax": "amount_out_of_range",
        "/external_ref": "wrong_type",
        "/tags/1": "duplicate_tag",
        "/metadata/a~1b~0c": "wrong_type",
        "/metadata": "text_too_long",
        "/status": "unknown_field",
    }


async def test_wrong_total_is_reported_with_the_expected_total(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json={**ORDER, "total": 10_265})
    assert errors_of(answer) == {"/total": "total_mismatch"}
    assert answer.json()["code"] == "total_mismatch"
    assert "expected 10260, got 10265, difference +5" in answer.json()["detail"]
    assert {name: answer.json()[name] for name in ("expected", "given", "difference")} == {
        "expected": 10_260,
        "given": 10_265,
        "difference": 5,
    }


async def test_errors_of_the_domain_have_a_pointer(client: httpx.AsyncClient) -> None:
    line = {**ORDER["lines"][0], "discount": 9_501}
    answer = await client.post("/orders", json={**ORDER, "lines": [line]})
    assert errors_of(answer) == {"/lines/0/discount": "discount_exceeds_line"}


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "7", "true"])
async def test_body_that_is_not_an_object_is_rejected(client: httpx.AsyncClient, body: str) -> None:
    for path in ("/orders", "/orders/unknown/cancel"):
        answer = await client.post(path, content=body, headers=JSON)
        assert errors_of(answer) == {"": "wrong_type"}


async def test_rejected_values_are_never_repeated(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    answers = [
        await client.post("/orders", json=dict.fromkeys(ORDER, SECRET)),
        await client.post("/orders", json={**PLAIN, "currency": SECRET, "metadata": {"k": [SECRET]}}),
        await client.post("/orders", content=f'{{"tax": "{SECRET}", "tax": "{SECRET}"}}', headers=JSON),
        await client.post("/orders", content=SECRET, headers=JSON),
        await client.post("/orders", content="{}", headers={"Content-Type": f"text/{SECRET}"}),
        await client.post("/orders", json=PLAIN, headers={"Idempotency-Key": f'"{SECRET}'}),
        await client.post(f"{path}/ship", headers={"If-Match": SECRET}),
        await client.post(f"{path}/ship", headers={"If-Match": f'"{SECRET}"'}),
        await client.get("/orders", params=dict.fromkeys(("limit", "created_from", "cursor"), SECRET)),
        await client.get("/orders", params={"status": SECRET}),
        await client.get(f"/orders/{SECRET}"),
        await client.get(f"/{SECRET}"),
        await client.request(SECRET, path),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert SECRET not in answer.text


async def test_unknown_parameter_gets_the_name_that_is_near_or_all_names(client: httpx.AsyncClient) -> None:
    paths = "/orders?tags=a", "/orders?statuss=paid", "/orders/1?q=2", "/livez?x=1", "/orders?sort=total"
    near, typo, far, none, other = [(await client.get(path)).json() for path in paths]
    assert near["detail"] == "tags is not a known parameter: did you mean tag?"
    assert typo["detail"] == "statuss is not a known parameter: did you mean status?"
    assert far["detail"] == "q is not a known parameter: use one of at, version"
    assert none["detail"] == "x is not a known parameter: omit it"
    assert other["detail"].startswith("sort is not a known parameter: use one of created_from, created_to, cursor, ")


async def test_path_with_a_slash_at_its_end_is_not_found_with_a_hint() -> None:
    async with http_client(root_path="/shop") as client:
        known, unknown = [(await client.get(path)).json() for path in ("/shop/orders/", "/shop/order/")]
    assert (known["code"], known["detail"]) == ("not_found", "no route matches this path: omit the slash at its end")
    assert (unknown["code"], unknown["detail"]) == ("not_found", "no route matches this path: see /docs for the API")


async def test_unknown_order_is_not_found_with_a_hint_if_it_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.get("/orders/1001")
    hint = "no order has this ID; find it by your own number with GET /orders?external_ref="
    assert (answer.status_code, answer.json()["detail"]) == (404, f"Order not found: {hint}")


async def test_unknown_field_is_named_only_if_printable(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json={**PLAIN, "x" * 65: 1})
    assert errors_of(answer) == {"": "unknown_field"}
    answer = await client.post("/orders", json={**PLAIN, "\u202e": 1})
    assert errors_of(answer) == {"": "unknown_field"}


async def test_at_most_a_hundred_errors_are_reported(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json={**PLAIN, **{f"field-{n}": n for n in range(500)}})
    assert len(errors_of(answer)) == 100


@pytest.mark.parametrize(
    "path, errors",
    [
        ("/orders?colour=red&limit=0x1", {"colour": "unknown_parameter", "limit": "invalid_parameter"}),
        ("/orders?limit=2&limit=3", {"limit": "parameter_repeated"}),
        ("/orders?limit=0", {"limit": "invalid_parameter"}),
        ("/orders?limit=201", {"limit": "invalid_parameter"}),
        ("/orders?limit=", {"limit": "invalid_parameter"}),
        ("/orders?status=lost", {"status": "invalid_parameter"}),
        ("/orders?status=pending&status=lost", {"status": "invalid_parameter"}),
        ("/orders?status=pending,processing", {"status": "invalid_parameter"}),
        ("/orders?user_id=&tag=&external_ref=", dict.fromkeys(("user_id", "tag", "external_ref"), "invalid_parameter")),
        ("/orders?status=pending&tag=gift", {"tag": "unsupported_filter"}),
        ("/orders?cursor=abc", {"cursor": "invalid_cursor"}),
        ("/orders?created_from=2026-11-22", {"created_from": "invalid_parameter"}),
        (
            "/orders?created_from=2026-11-22T10:00:00Z&created_to=2026-11-21T10:00:00Z",
            {"created_to": "invalid_parameter"},
        ),
        ("/orders/1?user_id=2", {"user_id": "unknown_parameter"}),
        ("/orders/1?version=0", {"version": "invalid_parameter"}),
        ("/orders/1/history?version=1", {"version": "unknown_parameter"}),
        ("/lifecycle?full", {"full": "unknown_parameter"}),
        ("/livez?x=1", {"x": "unknown_parameter"}),
        ("/docs?x=1", {"x": "unknown_parameter"}),
    ],
)
async def test_invalid_query_parameters_are_rejected_by_name(
    client: httpx.AsyncClient, path: str, errors: dict[str, str]
) -> None:
    assert errors_of(await client.get(path)) == errors


async def test_query_that_is_not_utf8_is_reported_with_its_parameters(client: httpx.AsyncClient) -> None:
    response = await client.get("/orders?user_id=%ff&status=pending&status=%C3&limit=1&%ff=1")
    assert {error["parameter"]: error["message"] for error in response.json()["errors"][:2]} == {
        "user_id": "must be percent-encoded UTF-8",
        "status": "must be percent-encoded UTF-8",
    }
    assert errors_of(response)["?"] == "unknown_parameter"


async def test_query_with_too_many_parameters_is_rejected_with_the_maximum(client: httpx.AsyncClient) -> None:
    response = await client.get("/orders?" + "&".join(["status=pending"] * 51))
    problem = response.json()
    assert (response.status_code, problem["code"], problem["limit"]) == (422, "invalid_query", 50)
    assert problem["detail"] == "a request can have at most 50 query parameters"
    assert (await client.get("/orders?" + "&".join(["status=pending"] * 50))).status_code == 200


async def test_dry_run_is_true_or_false(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders?dry_run=1", json=PLAIN)
    assert errors_of(answer) == {"dry_run": "invalid_parameter"}
    assert (await client.post("/orders?dry_run=false", json=PLAIN)).status_code == 201


async def test_cursor_of_another_list_is_rejected(client: httpx.AsyncClient) -> None:
    first, second = await placed(client), await placed(client, external_ref="ref-2")
    cursor = (await client.get("/orders?limit=1")).json()["next_cursor"]
    await client.post(f"/orders/{first['id']}/confirm")
    past = (await client.get(f"/orders/{first['id']}/history?limit=1")).json()["next_cursor"]
    for path, params in (
        ("/orders", {"cursor": cursor, "user_id": "user-42"}),
        ("/orders", {"cursor": past}),
        (f"/orders/{second['id']}/history", {"cursor": past}),
        (f"/orders/{first['id']}/history", {"cursor": cursor}),
    ):
        assert errors_of(await client.get(path, params=params)) == {"cursor": "invalid_cursor"}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"application/json; charset=latin-1",
        b"x",
        b"\xa0application/json",
    ],
)
async def test_body_that_is_not_declared_as_json_is_rejected(
    client: httpx.AsyncClient, content_type: bytes | None
) -> None:
    headers = {b"Content-Type": content_type} if content_type else {}
    for path in ("/orders", "/orders/unknown/cancel", "/orders/unknown/ship"):
        answer = await client.post(path, content=json.dumps(PLAIN), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"']
)
async def test_json_with_charset_utf_8_is_accepted(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post("/orders", content=json.dumps(PLAIN), headers={"Content-Type": content_type})
    assert answer.status_code == 201


async def test_compressed_bodies_are_rejected(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b'{"total": 1, "total": 2}', b'"\\ud800"', b'"\xff"', b"[" * 9_999]
)
async def test_malformed_json_is_rejected(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/orders", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


async def test_body_of_an_operation_without_body_is_rejected(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    for method, target in (("POST", f"{path}/confirm"), ("DELETE", path)):
        answer = await client.request(method, target, json={"reason": "fraud"})
        assert errors_of(answer) == {"": "unexpected_body"}
    assert (await client.get(path)).json()["version"] == 1


async def test_too_large_body_is_rejected_with_and_without_content_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    async with http_client(max_body_bytes=1_000) as client:
        for body in (b" " * 1_001, chunks()):
            answer = await client.post("/orders", content=body, headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
            assert answer.headers["connection"] == "close"
            assert "at most 1000 bytes" in answer.json()["detail"]
            assert answer.json()["limit"] == 1_000
        fitting = json.dumps(PLAIN).encode().ljust(1_000)
        assert (await client.post("/orders", content=fitting, headers=JSON)).status_code == 201


async def test_order_with_500_lines_is_accepted(client: httpx.AsyncClient) -> None:
    lines = [{"sku": f"SKU-{n:04}", "name": "N" * 50, "quantity": n + 1, "unit_price": 999} for n in range(500)]
    total = sum(range(1, 501)) * 999
    assert (await client.post("/orders", json={**PLAIN, "total": total, "lines": lines})).status_code == 201
    answer = await client.post("/orders", json={**PLAIN, "total": total, "lines": [*lines, lines[0]]})
    assert errors_of(answer) == {"/lines": "too_many_lines"}
    error = answer.json()["errors"][0]
    assert (error["message"], error["limit"]) == ("must have at most 500 items", 500)
    assert "must have at most 500 items" in answer.json()["detail"]


async def test_body_limit_is_64_kib_by_default_and_configurable() -> None:
    lines = [{"sku": f"SKU-{n:04}", "name": "N" * 200, "quantity": n + 1, "unit_price": 999} for n in range(500)]
    order = {**PLAIN, "total": sum(range(1, 501)) * 999, "lines": lines}
    async with http_client() as client:
        answer = await client.post("/orders", json=order)
        assert (answer.status_code, answer.json()["limit"]) == (413, 65_536)
    async with http_client(max_body_bytes=262_144) as client:
        assert (await client.post("/orders", json=order)).status_code == 201


async def test_order_with_too_much_text_is_rejected_with_the_limit() -> None:
    line = {"sku": "\U0001f69a" * 64, "name": "\U0001f69a" * 200, "quantity": 1, "unit_price": 0}
    async with http_client(max_body_bytes=1_000_000) as client:
        for number, status in ((340, 201), (341, 422)):
            answer = await client.post("/orders", json={**PLAIN, "total": 0, "lines": [line] * number})
            assert answer.status_code == status
    assert errors_of(answer) == {"/lines": "order_too_large"}
    assert answer.json()["limit"] == 360_000
    assert answer.json()["detail"] == (
        "/lines makes the order exceed 360000 bytes of text in UTF-8: shorten texts, or divide the order"
    )


async def test_too_deep_body_is_rejected_with_the_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", content=b"[" * 33 + b"]" * 33, headers=JSON)
    assert (answer.status_code, answer.json()["limit"]) == (400, 32)
    assert answer.json()["detail"] == "the body is nested more than 32 levels deep, at line 1, column 33"


async def test_empty_filter_is_rejected_with_what_to_do(client: httpx.AsyncClient) -> None:
    detail = (await client.get("/orders?user_id=")).json()["detail"]
    assert detail == "user_id must not be empty: give a value, or omit the parameter"


async def test_duplicate_key_is_named_and_located(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", content=b'{"total": 1,\n"total": 2}', headers=JSON)
    assert answer.json()["detail"] == 'the body has the key "total" twice in one object, at line 2, column 1'
