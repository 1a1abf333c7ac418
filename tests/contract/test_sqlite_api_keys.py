"""The SQLite store keeps API keys as the contract says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing import ApiKeyStoreContract


class TestSqliteApiKeys(ApiKeyStoreContract):
    @pytest.fixture
    async def keys(self, tmp_path: Path) -> AsyncIterator[ApiKeyStore]:
        store = SqliteOrderRepository(tmp_path / "orders.db")
        yield store.api_keys()
        await store.close()
