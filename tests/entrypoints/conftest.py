"""What the tests of the doors share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.entrypoints.http_calls import http_client
from tests.entrypoints.log_reading import Logged, logged_from
from tests.servers.dynamodb import Server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app of its own, on an empty store in memory."""
    async with http_client() as found:
        yield found


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Logged]:
    """What is logged, as the service writes it."""
    with logged_from(caplog) as found:
        yield found


@pytest.fixture(params=["memory", "sqlite", "postgres", "dynamodb"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, each of the four in turn."""
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/orders.db"
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    server: Server = request.getfixturevalue("dynamodb")
    return asyncio.run(server.new_url())
