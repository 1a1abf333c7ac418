"""Every store keeps API keys as the contract says."""

from collections.abc import AsyncIterator

import pytest

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing import ApiKeyStoreContract


class TestApiKeys(ApiKeyStoreContract):
    @pytest.fixture
    async def keys(self, store_url: str) -> AsyncIterator[ApiKeyStore]:
        store = open_store(store_url)
        yield api_keys_of(store)
        await store.close()
