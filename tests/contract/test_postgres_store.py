"""The PostgreSQL store keeps the contract."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from orderkeep.testing import OrderStoreContract
from tests.torture.contract import TortureContract


class TestPostgresStore(OrderStoreContract, TortureContract):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[OrderStore]:
        store = PostgresOrderRepository(postgres_url)
        yield store
        await store.close()
