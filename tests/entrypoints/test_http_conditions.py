"""Conditional requests and retries: entity tags and idempotency keys."""

import re

import httpx
import pytest

from tests.entrypoints.http_calls import PLAIN, document, errors_of, placed


def fits_the_document(header: str, value: str) -> bool:
    parameters = document()["paths"]["/orders/{order_id}/ship"]["post"]["parameters"]
    [pattern] = [parameter["schema"]["pattern"] for parameter in parameters if parameter["name"] == header]
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is not None


async def at_version_3(client: httpx.AsyncClient) -> str:
    path = f"/orders/{(await placed(client))['id']}"
    await client.post(f"{path}/confirm")
    await client.post(f"{path}/ship")
    return path


@pytest.mark.parametrize("tags", ['"3"', "*", '"2", "3"', 'W/"3", "3"', ' "7" ,, "3" ', '"abc", "3"'])
async def test_command_with_matching_version_is_executed(client: httpx.AsyncClient, tags: str) -> None:
    path = await at_version_3(client)
    answer = await client.post(f"{path}/deliver", headers={"If-Match": tags})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"4"')
    assert fits_the_document("If-Match", tags)


async def test_entity_tags_of_several_header_lines_are_joined(client: httpx.AsyncClient) -> None:
    path = await at_version_3(client)
    answer = await client.post(f"{path}/deliver", headers=[("If-Match", '"1"'), ("If-Match", '"3"')])
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "tags", ['"2"', '"1", "2"', 'W/"3"', '"abc"', '""', '"03"', '"99999999999999999999999999"', '"0"']
)
async def test_command_with_other_version_is_rejected(client: httpx.AsyncClient, tags: str) -> None:
    path = await at_version_3(client)
    answer = await client.post(f"{path}/deliver", headers={"If-Match": tags})
    assert (answer.status_code, answer.json()["code"]) == (412, "version_mismatch")
    assert fits_the_document("If-Match", tags)
    assert answer.headers["etag"] == '"3"'
    assert (await client.get(path)).json()["version"] == 3


async def test_delete_checks_if_match(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    assert (await client.delete(path, headers={"If-Match": '"2"'})).status_code == 412
    assert (await client.delete(path, headers={"If-Match": '"1"'})).status_code == 200


@pytest.mark.parametrize("tags", ["3", '"3', "3,4", '"3" "4"', '"3 "', "", "*, *", 'w/"3"', b"\xa0*", b"*\x1f"])
async def test_malformed_entity_tags_are_rejected(client: httpx.AsyncClient, tags: str | bytes) -> None:
    path = await at_version_3(client)
    raw = tags.encode() if isinstance(tags, str) else tags
    answer = await client.post(f"{path}/deliver", headers=[(b"If-Match", raw)])
    assert errors_of(answer) == {"If-Match": "invalid_header"}
    assert not fits_the_document("If-Match", raw.decode("latin-1"))


async def test_unknown_order_is_not_found_with_any_if_match(client: httpx.AsyncClient) -> None:
    for tags in ("*", '"3"', '"3", "4"'):
        answer = await client.post("/orders/unknown/ship", headers={"If-Match": tags})
        assert (answer.status_code, answer.json()["detail"]) == (404, "Order not found")


async def test_retry_returns_original_response_after_later_changes(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    headers = {"If-Match": '"1"', "Idempotency-Key": "key-1"}
    first = await client.post(f"{path}/confirm", headers=headers)
    await client.post(f"{path}/ship")
    again = await client.post(f"{path}/confirm", headers=headers)
    assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize("tags", ['"3"', 'W/"3"', "*", '"1", W/"3"'])
async def test_unchanged_order_is_not_modified(client: httpx.AsyncClient, tags: str) -> None:
    path = await at_version_3(client)
    answer = await client.get(path, headers={"If-None-Match": tags})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"3"')


async def test_changed_order_is_returned(client: httpx.AsyncClient) -> None:
    path = await at_version_3(client)
    answer = await client.get(path, headers={"If-None-Match": '"2"'})
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    assert errors_of(await client.get(path, headers={"If-None-Match": "2"})) == {"If-None-Match": "invalid_header"}


async def test_past_version_has_its_own_entity_tag(client: httpx.AsyncClient) -> None:
    path = await at_version_3(client)
    assert (await client.get(f"{path}?version=2", headers={"If-None-Match": '"2"'})).status_code == 304
    assert (await client.get(f"{path}?version=2", headers={"If-None-Match": '"3"'})).status_code == 200


@pytest.mark.parametrize("key", ["a", "~" * 255, "two words", '"quoted"', '"with spaces"', "{8e03978e}", "a,b;c=d"])
async def test_any_printable_idempotency_key_is_accepted(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/orders", json=PLAIN, headers={"Idempotency-Key": key})
    assert answer.status_code == 201
    assert fits_the_document("Idempotency-Key", key)


@pytest.mark.parametrize("key", [b"", b" ", b"~" * 256, b"\xc3\xa9", b"a\tb", b'"', b'"a', b'""', b'"a"b"', b'"\\a"'])
async def test_other_idempotency_keys_are_rejected_with_the_header(client: httpx.AsyncClient, key: bytes) -> None:
    answer = await client.post("/orders", json=PLAIN, headers=[(b"Idempotency-Key", key)])
    assert errors_of(answer) == {"Idempotency-Key": "invalid_header"}
    assert not fits_the_document("Idempotency-Key", key.decode("latin-1"))
    assert (await client.get("/orders")).json()["data"] == []


async def test_two_idempotency_keys_are_rejected(client: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "key-1"), ("Idempotency-Key", "key-2")]
    assert errors_of(await client.post("/orders", json=PLAIN, headers=headers)) == {"Idempotency-Key": "invalid_header"}
