"""SQLite, PostgreSQL and DynamoDB keep the contracts of orders and API keys. Memory has tests that need no server."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.application.ports import OrderStore
from orderkeep.application.records import KeepsRecords, RecordStore
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing import ApiKeyStoreContract, OrderStoreContract, RecordStoreContract
from orderkeep.testing.saves import ConcurrencyContract
from tests.servers.dynamodb import Server
from tests.torture.contract import TortureContract


@pytest.mark.parametrize("store_url", ["sqlite", "postgres", "dynamodb"], indirect=True)
class TestStore(OrderStoreContract, TortureContract):
    @pytest.fixture
    async def store(self, store_url: str) -> AsyncIterator[OrderStore]:
        store = open_store(store_url)
        yield store
        await store.close()


class TestDynamoStoreAsOnLambda(ConcurrencyContract):
    """With the HTTP client used on Lambda: many requests at once. The rest of the contract does not depend on it."""

    @pytest.fixture
    async def store(self, dynamodb: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrderStore]:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
        store = open_store(await dynamodb.new_url())
        yield store
        await store.close()


@pytest.mark.parametrize("store_url", ["sqlite", "postgres", "dynamodb"], indirect=True)
class TestApiKeys(ApiKeyStoreContract):
    @pytest.fixture
    async def keys(self, store_url: str) -> AsyncIterator[ApiKeyStore]:
        store = open_store(store_url)
        yield api_keys_of(store)
        await store.close()


@pytest.mark.parametrize("store_url", ["sqlite", "postgres", "dynamodb"], indirect=True)
class TestRecords(RecordStoreContract):
    @pytest.fixture
    async def records(self, store_url: str) -> AsyncIterator[RecordStore]:
        store = open_store(store_url)
        assert isinstance(store, KeepsRecords)
        yield store.records()
        await store.close()
