"""Which addresses there are over HTTP, and which methods each takes."""

import httpx
import pytest


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("PUT", "/orders/1", "GET, DELETE, HEAD"),
        ("POST", "/orders/1", "GET, DELETE, HEAD"),
        ("PATCH", "/orders", "GET, POST, HEAD"),
        ("GET", "/orders/1/ship", "POST"),
        ("OPTIONS", "/orders", "GET, POST, HEAD"),
        ("DELETE", "/livez", "GET, HEAD"),
        ("TRACE", "/docs", "GET, HEAD"),
        ("DELETE", "/orders/1/documents/receipt", "POST"),
        ("DELETE", "/orders/1/documents/2", "GET, HEAD"),
    ],
)
async def test_names_all_methods_that_an_address_takes(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/nowhere", "/orders/", "/orders/1/", "/orders//ship", "/orders/1/refund"])
async def test_there_is_nothing_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code in (404, 405)
