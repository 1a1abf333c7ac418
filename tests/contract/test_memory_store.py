"""The in-memory store keeps the contract, also where every call lets the others go first."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing import OrderStoreContract
from tests.torture.contract import TortureContract


class PoliteStore(InMemoryOrderRepository):
    """Lets the others go first: without it nothing in memory ever happens at once."""

    async def get_by_id(self, order_id: str) -> Order | None:
        await asyncio.sleep(0)
        return await super().get_by_id(order_id)

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        await asyncio.sleep(0)
        return await super().save(*orders)


class TestMemoryStore(OrderStoreContract, TortureContract):
    @pytest.fixture(params=[InMemoryOrderRepository, PoliteStore])
    async def store(self, request: pytest.FixtureRequest) -> AsyncIterator[OrderStore]:
        store: OrderStore = request.param()
        yield store
        await store.close()
