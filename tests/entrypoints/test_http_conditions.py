"""Conditions that a request can be made under: entity tags and idempotency keys."""

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
async def test_a_command_is_done_at_the_version_it_was_meant_for(client: httpx.AsyncClient, tags: str) -> None:
    path = await at_version_3(client)
    answer = await client.post(f"{path}/deliver", headers={"If-Match": tags})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"4"')
    assert fits_the_document("If-Match", tags)


async def test_tags_may_stand_in_several_lines(client: httpx.AsyncClient) -> None:
    path = await at_version_3(client)
    answer = await client.post(f"{path}/deliver", headers=[("If-Match", '"1"'), ("If-Match", '"3"')])
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "tags", ['"2"', '"1", "2"', 'W/"3"', '"abc"', '""', '"03"', '"99999999999999999999999999"', '"0"']
)
async def test_refuses_a_command_meant_for_another_version(client: httpx.AsyncClient, tags: str) -> None:
    path = await at_version_3(client)
    answer = await client.post(f"{path}/deliver", headers={"If-Match": tags})
    assert (answer.status_code, answer.json()["code"]) == (412, "version_mismatch")
    assert fits_the_document("If-Match", tags)
    assert answer.headers["etag"] == '"3"'
    assert (await client.get(path)).json()["version"] == 3


async def test_delete_heeds_the_version_too(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    assert (await client.delete(path, headers={"If-Match": '"2"'})).status_code == 412
    assert (await client.delete(path, headers={"If-Match": '"1"'})).status_code == 200


@pytest.mark.parametrize("tags", ["3", '"3', "3,4", '"3" "4"', '"3 "', "", "*, *", 'w/"3"', b"\xa0*", b"*\x1f"])
async def test_refuses_what_is_no_entity_tag(client: httpx.AsyncClient, tags: str | bytes) -> None:
    path = await at_version_3(client)
    raw = tags.encode() if isinstance(tags, str) else tags
    answer = await client.post(f"{path}/deliver", headers=[(b"If-Match", raw)])
    assert errors_of(answer) == {"If-Match": "invalid_header"}
    assert not fits_the_document("If-Match", raw.decode("latin-1"))


async def test_an_unknown_order_is_not_found_whatever_the_version(client: httpx.AsyncClient) -> None:
    for tags in ("*", '"3"', '"3", "4"'):
        answer = await client.post("/orders/unknown/ship", headers={"If-Match": tags})
        assert (answer.status_code, answer.json()["detail"]) == (404, "Order not found")


async def test_a_new_order_has_no_version_to_match(client: httpx.AsyncClient) -> None:
    answer = await client.post("/orders", json=PLAIN, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "version_mismatch")


async def test_a_retry_is_answered_though_the_version_moved_on(client: httpx.AsyncClient) -> None:
    path = f"/orders/{(await placed(client))['id']}"
    headers = {"If-Match": '"1"', "Idempotency-Key": "key-1"}
    first = await client.post(f"{path}/confirm", headers=headers)
    await client.post(f"{path}/ship")
    again = await client.post(f"{path}/confirm", headers=headers)
    assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize("tags", ['"3"', 'W/"3"', "*", '"1", W/"3"'])
async def test_answers_304_to_who_has_it_already(client: httpx.AsyncClient, tags: str) -> None:
    path = await at_version_3(client)
    answer = await client.get(path, headers={"If-None-Match": tags})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"3"')


async def test_answers_the_order_to_who_has_an_older_one(client: httpx.AsyncClient) -> None:
    path = await at_version_3(client)
    answer = await client.get(path, headers={"If-None-Match": '"2"'})
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    assert errors_of(await client.get(path, headers={"If-None-Match": "2"})) == {"If-None-Match": "invalid_header"}


async def test_a_past_version_has_its_own_tag(client: httpx.AsyncClient) -> None:
    path = await at_version_3(client)
    assert (await client.get(f"{path}?version=2", headers={"If-None-Match": '"2"'})).status_code == 304
    assert (await client.get(f"{path}?version=2", headers={"If-None-Match": '"3"'})).status_code == 200


@pytest.mark.parametrize("key", ["a", "~" * 255, "two words", '"quoted"', '"with spaces"', "{8e03978e}", "a,b;c=d"])
async def test_takes_any_printable_key(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/orders", json=PLAIN, headers={"Idempotency-Key": key})
    assert answer.status_code == 201
    assert fits_the_document("Idempotency-Key", key)


@pytest.mark.parametrize("key", [b"", b" ", b"~" * 256, b"\xc3\xa9", b"a\tb", b'"', b'"a', b'""', b'"a"b"', b'"\\a"'])
async def test_refuses_other_keys_and_names_the_header(client: httpx.AsyncClient, key: bytes) -> None:
    answer = await client.post("/orders", json=PLAIN, headers=[(b"Idempotency-Key", key)])
    assert errors_of(answer) == {"Idempotency-Key": "invalid_header"}
    assert not fits_the_document("Idempotency-Key", key.decode("latin-1"))
    assert (await client.get("/orders")).json()["data"] == []


async def test_refuses_two_keys(client: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "key-1"), ("Idempotency-Key", "key-2")]
    assert errors_of(await client.post("/orders", json=PLAIN, headers=headers)) == {"Idempotency-Key": "invalid_header"}
