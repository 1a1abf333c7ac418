"""Each of these tests has a SQLite file of its own, and a store on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteOrderRepository]:
    store = SqliteOrderRepository(path)
    yield store
    await store.close()
