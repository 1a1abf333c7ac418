"""The SQLite store keeps the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository
from orderkeep.testing import OrderStoreContract
from tests.torture.contract import TortureContract


class TestSqliteStore(OrderStoreContract, TortureContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[OrderStore]:
        store = SqliteOrderRepository(tmp_path / "orders.db")
        yield store
        await store.close()
