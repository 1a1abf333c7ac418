"""What the tests of the doors share."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.entrypoints.http_calls import http_client


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app of its own, on an empty store in memory."""
    async with http_client() as found:
        yield found
