"""Pages of other origins read no response unless their origin is listed, and then only the named headers."""

import re

import httpx
import pytest
from pydantic import ValidationError

from orderkeep.config import Settings
from orderkeep.entrypoints.api.openapi import RESPONSE_HEADERS
from orderkeep.entrypoints.api.shell import CORS_EXPOSED, CORS_METHODS, CORS_REQUEST
from tests.entrypoints.http_calls import PLAIN, document, http_client

SHOP = "https://shop.example"
PREFLIGHT = {
    "Origin": SHOP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type, idempotency-key",
}


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_pages_of_other_origins_cannot_read_responses(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/orders", headers={"Origin": SHOP}),
        await client.post("/orders", json=PLAIN, headers={"Origin": "null"}),
        await client.get("/nowhere", headers={"Origin": SHOP}),
        await client.options("/orders", headers=PREFLIGHT),
        await client.options("/nowhere", headers=PREFLIGHT),
        await client.options("/livez", headers={**PREFLIGHT, "Access-Control-Request-Private-Network": "true"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 403, 404, 405, 404, 405]
    assert [cors_headers(answer) for answer in answers] == [{}] * 6


async def test_pages_of_a_listed_origin_may_ask_and_read_what_is_named() -> None:
    async with http_client(cors_origins=f"{SHOP} http://localhost:5173") as client:
        asked = await client.options("/orders", headers=PREFLIGHT)
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == SHOP
        assert re.split(r",\s*", asked.headers["access-control-allow-methods"]) == [*CORS_METHODS]
        assert {*CORS_REQUEST} <= {*re.split(r",\s*", asked.headers["access-control-allow-headers"])}
        answer = await client.post("/orders", json=PLAIN, headers={"Origin": SHOP})
        assert cors_headers(answer) == {
            "access-control-allow-origin": SHOP,
            "access-control-expose-headers": ", ".join(CORS_EXPOSED),
        }
        assert answer.headers["vary"] == "Origin"
        refused = await client.get("/orders/unknown", headers={"Origin": "http://localhost:5173"})
        assert refused.headers["access-control-allow-origin"] == "http://localhost:5173"


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "https://shop.example.evil.example"},
        {"Origin": "http://shop.example"},
        {"Origin": "https://shop.example:8443"},
        {"Origin": "null"},
        {"Access-Control-Request-Method": "PUT"},
        {"Access-Control-Request-Headers": "x-forwarded-for"},
        {"Access-Control-Request-Private-Network": "true"},
    ],
)
async def test_what_is_not_listed_is_rejected(changed: dict[str, str]) -> None:
    async with http_client(cors_origins=SHOP) as client:
        answer = await client.options("/orders", headers={**PREFLIGHT, **changed})
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_listed")
        assert cors_headers(answer) == {}
        if origin := changed.get("Origin"):
            answer = await client.get("/orders", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers


async def test_no_cookie_is_ever_asked_for() -> None:
    async with http_client(cors_origins=SHOP) as client:
        for answer in (await client.options("/orders", headers=PREFLIGHT), await client.get("/orders")):
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "given, taken",
    [
        ("", ""),
        ("https://a.example, https://b.example:8443", "https://a.example https://b.example:8443"),
        ("HTTPS://A.example:443 https://a.example", "https://a.example"),
        ("http://127.0.0.1:5173 http://[::1]:80", "http://127.0.0.1:5173 http://[::1]"),
    ],
)
def test_origins_are_taken_as_browsers_write_them(given: str, taken: str) -> None:
    assert Settings(cors_origins=given).cors_origins == taken


@pytest.mark.parametrize(
    "origins",
    [
        "*", "null", "shop.example", "https://*.shop.example", "https://shop.example/", "https://shop.example/shop",
        "http://shop.example", "https://user:secret@shop.example", "https://shop.example?x", "ftp://shop.example",
        "https://a.example *", "http://127.0.0.1.shop.example", "http://localhost.shop.example",
    ],
)  # fmt: skip
def test_rejects_to_list_what_is_no_origin(origins: str) -> None:
    with pytest.raises(ValidationError, match=r"must be origins such as https://shop\.example") as raised:
        Settings(cors_origins=origins)
    assert "secret" not in str(raised.value)


def test_pages_may_send_and_read_what_the_document_has() -> None:
    operations = [each for path in document()["paths"].values() for each in path.values()]
    headers = {each["name"] for operation in operations for each in operation["parameters"] if each["in"] == "header"}
    assert headers | {"Authorization", "Content-Type", "Last-Event-ID"} == {*CORS_REQUEST}
    assert {*CORS_EXPOSED} == {*RESPONSE_HEADERS} - {"Connection", "Content-Disposition", "WWW-Authenticate"}
    methods = {method.upper() for operations in document()["paths"].values() for method in operations}
    assert methods | {"HEAD"} == {*CORS_METHODS}
