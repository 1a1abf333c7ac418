"""Header fields are read as RFC 9110 defines them, on every operation and by one reader."""

import json

import httpx
import pytest

from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.api.headers import is_utf8_json, members_of
from orderkeep.entrypoints.api.routing import headers_of
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.entrypoints.credentials import customer, guarded_client, staff, use_cases_with_keys
from tests.entrypoints.http_calls import PLAIN, document, errors_of, http_client, placed
from tests.entrypoints.log_reading import Logged

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def use_cases() -> UseCases:
    return use_cases_with_keys(InMemoryOrderRepository())


def test_whitespace_around_a_value_is_removed_for_every_reader_of_the_scope() -> None:
    given = [(b"host", b" \ta "), (b"x-note", b"\xa0b\x0b"), (b"accept", b"c\t"), (b"accept", b" d")]
    scope = {"headers": given}
    assert headers_of(scope) == {b"host": b"a", b"x-note": b"\xa0b\x0b", b"accept": [b"c", b"d"]}
    assert scope["headers"] == [(b"host", b"a"), (b"x-note", b"\xa0b\x0b"), (b"accept", b"c"), (b"accept", b"d")]


@pytest.mark.parametrize(
    "value, members",
    [
        (b"gzip", [b"gzip"]),
        (b"GZip\t, ,identity,", [b"gzip", b"identity"]),
        ([b"a", b"", b"b ,c"], [b"a", b"b", b"c"]),
        (b" , ,", []),
        (b"", []),
    ],
)
def test_members_of_a_list_are_those_of_all_lines_without_empty_ones(
    value: bytes | list[bytes], members: list[bytes]
) -> None:
    assert members_of(value) == members


@pytest.mark.parametrize(
    "value",
    [
        b"application/json;",
        b"application/json ; ",
        b"application/json;;\t; charset=utf-8 ;",
        b"APPLICATION/Json;CHARSET=Utf-8",
        b'application/json; charset="UTF\\-8"',
        b'application/json; q="a;charset=latin-1\\""; profile="urn:a"',
        b"application/json; version=1",
    ],
)
async def test_media_type_of_json_is_accepted_in_each_of_its_forms(client: httpx.AsyncClient, value: bytes) -> None:
    answer = await client.post("/orders", content=json.dumps(PLAIN), headers={b"Content-Type": value})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "value",
    [
        b"application/json, application/json",
        b"application/json charset=utf-8",
        b"application/json; charset",
        b"application/json; charset = utf-8",
        b'application/json; charset="utf-8',
        b"application/json; charset=utf-16",
        b"application/json; charset=utf-8; charset=utf-16",
        b'application/json; charset="utf-8";x="\x00"',
        b"application/jsonp",
        b"application/problem+json",
        b"text/application/json",
        b"; application/json",
        b"",
    ],
)
def test_other_media_types_are_not_json(value: bytes) -> None:
    assert not is_utf8_json(value)


def test_media_type_with_many_empty_parameters_is_read_in_linear_time() -> None:
    assert not is_utf8_json(b"application/json" + b";  " * 5_000 + b"\x00")


@pytest.mark.parametrize(
    "encodings, status",
    [
        (["identity"], 201),
        (["Identity "], 201),
        ([""], 201),
        (["gzip"], 415),
        (["identity", "gzip"], 415),
        (["gzip", "identity"], 415),
        (["identity, gzip"], 415),
        (["identity", "identity"], 415),
        (["x-identity"], 415),
    ],
)
async def test_content_encoding_is_read_as_a_list(client: httpx.AsyncClient, encodings: list[str], status: int) -> None:
    headers = [("Content-Type", "application/json"), *(("Content-Encoding", each) for each in encodings)]
    answer = await client.post("/orders", content=json.dumps(PLAIN), headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("form", ["Bearer {} ", "Bearer {}\t", " bearer  {} \t "])
async def test_whitespace_around_credentials_is_ignored(use_cases: UseCases, form: str) -> None:
    key = (await staff(use_cases, "orders:read"))["Authorization"].removeprefix("Bearer ")
    async with guarded_client(use_cases) as client:
        assert (await client.get("/orders", headers={"Authorization": form.format(key)})).status_code == 200


@pytest.mark.parametrize(
    "sent, same",
    [("key-1", " key-1\t"), ("key-1", '"key-1"'), ('say "hi"', '"say \\"hi\\""'), ("back\\slash", '"back\\\\slash"')],
)
async def test_idempotency_key_is_the_same_in_each_of_its_forms(
    client: httpx.AsyncClient, sent: str, same: str
) -> None:
    first = await client.post("/orders", json=PLAIN, headers={"Idempotency-Key": sent})
    again = await client.post("/orders", json=PLAIN, headers={"Idempotency-Key": same})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]


async def test_whitespace_around_request_id_and_trace_is_ignored(logged: Logged) -> None:
    headers = {"X-Request-Id": " call-7\t", "Traceparent": f" 00-{TRACE}-00f067aa0ba902b7-01 "}
    async with http_client(access_log=True) as client:
        answer = await client.get("/livez", headers=headers)
    assert answer.headers["x-request-id"] == "call-7"
    assert logged.one("request")["trace_id"] == TRACE


async def test_list_in_if_match_requires_no_scope_to_read(use_cases: UseCases) -> None:
    async with guarded_client(use_cases) as client:
        writer = await staff(use_cases, "orders:write")
        path = f"/orders/{(await client.post('/orders', json=PLAIN, headers=writer)).json()['id']}"
        answer = await client.post(f"{path}/confirm", headers={**writer, "If-Match": '"7", "1"'})
        assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
        owner = await customer(use_cases, PLAIN["user_id"])
        assert (await client.delete(path, headers={**owner, "If-Match": '"7", "2"'})).status_code == 200


@pytest.mark.parametrize("tags", ['W/"1"', '"7", W/"1"', 'W/"1", W/"7"'])
async def test_weak_entity_tag_in_if_match_is_explained(client: httpx.AsyncClient, tags: str) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    answer = await client.post(f"{path}/confirm", headers={"If-Match": tags})
    assert (answer.status_code, answer.headers["etag"]) == (412, '"1"')
    assert answer.json()["detail"] == (
        "the order is at version 1, and If-Match has a weak entity tag, which never matches: remove W/, and "
        "disable compression in proxies"
    )


async def test_unknown_version_in_if_match_is_not_called_weak(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    answer = await client.post(f"{path}/confirm", headers={"If-Match": '"W/1"'})
    assert answer.json()["detail"] == (
        "the order is at version 1, which If-Match does not list: read it and retry with its ETag"
    )


CONDITIONS = ("If-Match", "If-None-Match")


def evaluated() -> list[tuple[str, str, str, bool]]:
    """Return method, path and condition of each operation on orders, and whether the document lists the condition."""
    return [
        (method, path, condition, any(each["name"] == condition for each in operation.get("parameters", ())))
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
        for condition in CONDITIONS
    ]


@pytest.mark.parametrize("method, path, condition, is_listed", evaluated())
@pytest.mark.parametrize("value", ["*", '"1"', "malformed"])
async def test_condition_is_evaluated_or_rejected_unless_the_operation_has_no_entity_tag(
    client: httpx.AsyncClient, method: str, path: str, condition: str, is_listed: bool, value: str
) -> None:
    answer = await client.request(
        method, path.replace("{order_id}", "unknown").replace("{document_id}", "0"), headers={condition: value}
    )
    if is_listed:
        assert (answer.status_code == 422) == (value == "malformed")
    elif method != "get" or any(each[:2] == (method, path) and each[3] for each in evaluated()):
        assert errors_of(answer) == {condition: "invalid_header"}
        assert answer.json()["detail"] == f"{condition} cannot be used with this operation: omit it"
    else:
        assert answer.status_code in (200, 404, 503)


def test_only_operations_on_one_order_event_or_webhook_list_conditions() -> None:
    listed = {(method, path, condition) for method, path, condition, is_listed in evaluated() if is_listed}
    one = "/orders/{order_id}"
    of_one = [(method, path) for path, methods in document()["paths"].items() if one in path for method in methods]
    assert listed == {
        ("get", one, "If-None-Match"),
        ("get", f"{one}/documents/{{document_id}}", "If-None-Match"),
        *((method, path, "If-Match") for method, path in of_one if method != "get"),
        ("get", "/events/{event_id}", "If-None-Match"),
        ("patch", "/webhooks/{webhook_id}", "If-Match"),
        ("delete", "/webhooks/{webhook_id}", "If-Match"),
    }
