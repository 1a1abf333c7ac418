"""No request causes an internal error, and every response matches the OpenAPI document."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from orderkeep.bootstrap import bootstrap
from orderkeep.config import Settings
from orderkeep.domain.personal_data import PARTS
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.schemas import PlaceOrderBody
from tests.entrypoints.http_calls import ORDER, PLAIN, http_client, placed

APP = create_app(Settings(), bootstrap("memory://"))
JSON = {"Content-Type": "application/json"}
HUGE = "9" * 5_000


@pytest.mark.parametrize(
    "order_id",
    [
        "%00",
        "a%00b",
        "%2F",
        "..%2f..%2fetc",
        "%ff%fe",
        "%ED%A0%80",
        "x" * 9_000,
        "%0d%0aX:1",
        "*",
        "%25",
        "%F0%9F%92%A9",
    ],
)
async def test_malformed_ids_are_not_found(client: httpx.AsyncClient, order_id: str) -> None:
    for method, path in (
        ("GET", f"/orders/{order_id}"),
        ("GET", f"/orders/{order_id}/history"),
        ("DELETE", f"/orders/{order_id}"),
        ("POST", f"/orders/{order_id}/cancel"),
        ("POST", f"/orders/{order_id}/ship"),
        ("GET", f"/orders/{order_id}/documents"),
        ("GET", f"/orders/{order_id}/documents/{order_id}"),
        ("POST", f"/orders/{order_id}/documents/receipt"),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        f"limit={HUGE}", "limit=-1", "limit=1e3", "limit=%D9%A1", "limit=+5", "limit=5%00", "limit=1_0", "limit=%ff",
        "created_from=0000-01-01T00:00:00Z", "created_from=0001-01-01T00:00:00%2B23:59",
        "created_to=9999-12-31T23:59:59-23:59", "created_from=2016-12-31T23:59:60Z", "created_to=2026-02-30T00:00:00Z",
        "created_from=2026-11-22T10:00:00", "created_to=2026-11-22T24:00:00Z", "created_to=2026-11-22T10:00:00%2B24:00",
        "created_from=%E0%A5%A8026-11-22T10:00:00Z", f"created_from={HUGE}",
        "cursor=", "cursor=%00", "cursor=WyJ4Il0", "cursor=bnVsbA", "cursor=W1tbW1tb", f"cursor={'W' * 9_000}",
        "cursor=e30",
        "status=", "status=%00", "status=PENDING", "tag=a&external_ref=b", "%ff=1", "=", "&&=&", "%00=1", f"{HUGE}=1",
        "&".join(f"a{n}=1" for n in range(999)),
    ],
)  # fmt: skip
async def test_malformed_queries_are_rejected(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/orders?{query}")
    assert answer.status_code == 422
    assert HUGE[:50] not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "user_id=%00",
        f"user_id={HUGE}",
        "external_ref=%F0%9F%92%A9",
        "user_id=a%0ab",
        "tag=%27%20OR%201=1--",
        "",
    ],
)
async def test_filters_without_matches_return_no_orders(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/orders?{query}")
    assert (answer.status_code, answer.json()["data"]) == (200, [])


@pytest.mark.parametrize("version", [HUGE, "1" * 19, "-1", "0", "1.0", "1e1", "0x1", " 1", "%EF%BC%91"])
async def test_malformed_versions_are_rejected(client: httpx.AsyncClient, version: str) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    assert (await client.get(f"{path}?version={version}")).status_code == 422
    assert (await client.get(f"{path}?version={10**18 - 1}")).status_code == 404


@pytest.mark.parametrize("field", sorted(ORDER))
@pytest.mark.parametrize(
    "value",
    ["1e400", "-1e400", "1" * 99, "-" + "9" * 99, "1.5", "null", "[]", "{}", "[[]]", "[null]", '""',
     '"\\u0000"', '"\\ud800"', "true", '{"": ""}', '[""]', '"' + "x" * 60_000 + '"', "[" * 400 + "]" * 400],
)  # fmt: skip
async def test_malformed_values_are_rejected(client: httpx.AsyncClient, field: str, value: str) -> None:
    others = "".join(f', "{name}": {found}' for name, found in JSON_PLAIN.items() if name != field)
    answer = await client.post("/orders", content=f'{{"{field}": {value}{others}}}', headers=JSON)
    accepted = {("lines", "[]"), ("tags", "[]"), ("metadata", "{}"), *((name, "null") for name in NULLABLE)}
    accepted |= {(part, "{}") for part in PARTS}
    assert answer.status_code in ((201,) if (field, value) in accepted else (400, 422))


NULLABLE = [name for name, field in PlaceOrderBody.model_fields.items() if not field.is_required()]
JSON_PLAIN = {"user_id": '"user-7"', "total": "9900", "currency": '"USD"'}


async def test_minus_zero_is_zero(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", content='{"user_id": "u", "total": -0, "currency": "EUR"}', headers=JSON)
    assert (answer.status_code, answer.json()["total"]) == (201, 0)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "BREW", "M" * 300])
@pytest.mark.parametrize("path", ["/", "/orders", "/orders/1", "/orders/1/ship", "/docs", "/metrics", "*"])
async def test_unsupported_methods_are_rejected(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    if (method, path) == ("PATCH", "/orders/1"):  # supported, with a body
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
        return
    assert answer.status_code in (200, 307, 404, 405)
    assert answer.status_code not in (200, 307) or method == "HEAD"


@pytest.mark.parametrize(
    "name, value",
    [
        ("X-Request-Id", b"\xff\x00"), ("X-Request-Id", b"a" * 65), ("X-Request-Id", b""), ("Content-Length", b"x"),
        ("Content-Length", b"-1"), ("Content-Length", "²".encode()), ("Content-Length", b"9" * 30), ("Host", b"\xff"),
        ("Content-Type", b"\xff"), ("Content-Type", b"application/json\x00"), ("Content-Encoding", b"\xff"),
        ("If-Match", b"\xff"), ("If-Match", b'"\xff"'), ("If-Match", b"," * 9_000), ("If-None-Match", b"\xff"),
        ("Idempotency-Key", b"\xff"), ("Cookie", b"\xff"), ("Accept", b"\xff"), ("Accept", b"text/html"),
    ],
)  # fmt: skip
async def test_malformed_headers_cause_no_internal_error(client: httpx.AsyncClient, name: str, value: bytes) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    for method, target in (("GET", path), ("POST", f"{path}/confirm"), ("DELETE", path)):
        answer = await client.request(method, target, headers=[(name.encode(), value)])
        assert answer.status_code < 500


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)
bodies = st.fixed_dictionaries({}, optional=dict.fromkeys(ORDER, values)) | values


@given(body=bodies)
async def test_any_json_is_accepted_or_rejected(body: Any) -> None:
    async with http_client() as client:
        answer = await client.post("/orders", json=body)
        assert answer.status_code in (201, 400, 422)


@given(path=st.text(max_size=40), query=st.binary(max_size=40))
async def test_any_path_gets_a_response(path: str, query: bytes) -> None:
    answers: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        answers.append(message)

    for place in ("/", "/orders", "/orders/", "/docs/"):
        scope = {"type": "http", "method": "GET", "path": place + path, "query_string": query, "headers": []}
        await APP({**scope, "root_path": "", "scheme": "http", "server": ("test", 80)}, receive, send)
    assert [message["status"] for message in answers if "status" in message and message["status"] >= 500] == []


async def test_duplicate_headers_do_not_bypass_checks(client: httpx.AsyncClient) -> None:
    headers = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    assert (await client.post("/orders", content=b"{}", headers=headers)).status_code == 415
    headers = [("X-Request-Id", "call-1"), ("X-Request-Id", "call-2")]
    answer = await client.post("/orders", json=PLAIN, headers=headers)
    assert answer.headers["x-request-id"] not in ("call-1", "call-2")
