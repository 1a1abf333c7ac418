"""What the tests of the entrypoints share."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.entrypoints.http_calls import http_client
from tests.entrypoints.log_reading import Logged, logged_from


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
