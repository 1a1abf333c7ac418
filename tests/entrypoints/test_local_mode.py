"""Without authentication this machine alone may ask: by its own names, and not from pages of other origins."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from orderkeep.application.access.loopback import is_loopback
from tests.entrypoints.http_calls import PLAIN, http_client

OURS = ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "127.3.2.1:8000", "[::1]", "[::1]:8000"]
OTHERS = [
    "shop.example", "localhost.shop.example", "127.0.0.1.shop.example", "localhost@shop.example", "192.168.1.7:80",
    "0.0.0.0:8000", "[2001:db8::1]", "localhost.", "127.1", "2130706433", "localhost/x", "local host", "", "[::1",
    "::1",
]  # fmt: skip


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client() as client:
        yield client


@pytest.mark.parametrize("host", OURS)
async def test_local_host_names_are_accepted(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/orders", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("path", ["/orders", "/livez", "/docs"])
async def test_other_host_names_are_rejected(client: httpx.AsyncClient, host: str, path: str) -> None:
    refused = await client.get(path, headers={"Host": host})
    assert (refused.status_code, refused.json()["code"]) == (421, "host_not_allowed")
    assert "ORDERKEEP_AUTH" in refused.json()["detail"]


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:8000"])
async def test_takes_writes_of_its_own_pages(client: httpx.AsyncClient, origin: str) -> None:
    headers = {"Origin": origin, "Host": origin.removeprefix("http://")}
    assert (await client.post("/orders", json=PLAIN, headers=headers)).status_code == 201


@pytest.mark.parametrize(
    "origin", ["https://shop.example", "http://localhost:5173", "https://localhost", "null", "http://127.0.0.1", ""]
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
async def test_takes_no_writes_of_other_pages(client: httpx.AsyncClient, origin: str, method: str) -> None:
    refused = await client.request(method, "/orders", json=PLAIN, headers={"Origin": origin})
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_listed")
    assert (await client.get("/orders")).json()["data"] == []


async def test_takes_writes_of_pages_whose_origin_is_listed() -> None:
    async with http_client(cors_origins="https://shop.example") as client:
        headers = {"Origin": "https://shop.example"}
        assert (await client.post("/orders", json=PLAIN, headers=headers)).status_code == 201


async def test_banner_reports_disabled_authentication(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert "security" not in document
    assert "securitySchemes" not in document["components"]
    assert not any("security" in operation for path in document["paths"].values() for operation in path.values())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "shop.example"])
def test_does_not_listen_anywhere_else(host: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orderkeep", "--store", "memory://", "serve", "--host", host, "--port", "0"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert f"refusing to listen on {host} without authentication: set ORDERKEEP_AUTH=keys" in ended.stderr
    assert not is_loopback(host)
