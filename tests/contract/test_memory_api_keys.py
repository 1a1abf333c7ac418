"""The in-memory store keeps API keys as the contract says."""

from collections.abc import AsyncIterator

import pytest_asyncio

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing import ApiKeyStoreContract


class TestMemoryApiKeys(ApiKeyStoreContract):
    @pytest_asyncio.fixture
    async def keys(self) -> AsyncIterator[ApiKeyStore]:
        store = InMemoryOrderRepository()
        yield store.api_keys()
        await store.close()
