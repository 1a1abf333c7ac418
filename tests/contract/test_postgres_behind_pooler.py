"""The PostgreSQL store keeps the contract behind a pooler that gives each transaction another session."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.postgres_repo import PostgresOrderRepository, connections
from orderkeep.testing import OrderStoreContract
from orderkeep.testing.orders import pending_order
from tests.servers.pooler import transaction_pooler
from tests.torture.contract import TortureContract


@pytest.fixture
async def pooler_url(postgres_url: str) -> AsyncIterator[str]:
    async with transaction_pooler(postgres_url) as url:
        yield url


class TestPostgresStoreBehindPooler(OrderStoreContract, TortureContract):
    @pytest.fixture
    async def store(self, pooler_url: str) -> AsyncIterator[OrderStore]:
        store = PostgresOrderRepository(pooler_url)
        yield store
        await store.close()


async def test_the_pooler_would_mix_up_what_a_session_prepared(
    pooler_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unaware(connection: object) -> bool:
        return False

    monkeypatch.setattr(connections, "_is_behind_pooler", unaware)
    monkeypatch.setattr(connections, "IN_INDEX_ORDER", {})
    store = PostgresOrderRepository(pooler_url)
    with pytest.raises(StoreUnavailable, match="a connection pooler mixes up prepared statements"):
        await asyncio.gather(*(save_some(store, number) for number in range(9)))
    await store.close()


async def save_some(store: OrderStore, number: int) -> None:
    for turn in range(9):
        await store.save(pending_order(number * 10 + turn))
