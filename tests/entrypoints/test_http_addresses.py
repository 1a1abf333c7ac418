"""Paths over HTTP, and the methods that each accepts."""

import httpx
import pytest


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("PUT", "/orders/1", "PATCH, GET, DELETE, HEAD"),
        ("POST", "/orders/1", "PATCH, GET, DELETE, HEAD"),
        ("PATCH", "/orders", "GET, POST, HEAD"),
        ("GET", "/orders/1/ship", "POST"),
        ("OPTIONS", "/orders", "GET, POST, HEAD"),
        ("DELETE", "/livez", "GET, HEAD"),
        ("TRACE", "/docs", "GET, HEAD"),
        ("DELETE", "/orders/1/documents/receipt", "POST"),
        ("DELETE", "/orders/1/documents/2", "GET, HEAD"),
    ],
)
async def test_method_not_allowed_lists_allowed_methods(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/nowhere", "/orders/", "/orders/1/", "/orders//ship", "/orders/1/refund"])
async def test_other_paths_are_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code in (404, 405)
