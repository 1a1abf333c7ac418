"""The store contract on DynamoDB Local."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing import OrderStoreContract
from orderkeep.testing.saves import ConcurrencyContract
from tests.servers.dynamodb import Server
from tests.torture.contract import TortureContract


class TestDynamoStore(OrderStoreContract, TortureContract):
    @pytest.fixture
    async def store(self, dynamodb: Server) -> AsyncIterator[OrderStore]:
        store = open_store(await dynamodb.new_url())
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
