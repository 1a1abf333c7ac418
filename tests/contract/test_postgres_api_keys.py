"""The PostgreSQL store keeps API keys as the contract says."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository
from orderkeep.testing import ApiKeyStoreContract


class TestPostgresApiKeys(ApiKeyStoreContract):
    @pytest.fixture
    async def keys(self, postgres_url: str) -> AsyncIterator[ApiKeyStore]:
        store = PostgresOrderRepository(postgres_url)
        yield store.api_keys()
        await store.close()
