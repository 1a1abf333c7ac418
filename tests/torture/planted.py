"""Memory stores with one fault each, which torture must find. `WatchedStore` interleaves their calls."""

import asyncio
from collections import defaultdict
from dataclasses import replace

from orderkeep.application.ports import FeedPage, ListPosition, OrderFilter, SnapshotPage
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository


class LooksUpKeysFirst(InMemoryOrderRepository):
    """Looks up keys before it loads the order: a concurrent retry misses the key of the first request, but sees its
    effect.
    """

    async def get_by_id(self, order_id: str) -> Order | None:
        before = await super().get_by_id(order_id)
        await asyncio.sleep(0)
        order = await super().get_by_id(order_id)
        if order is not None:
            order.idempotency_keys = before.idempotency_keys if before is not None else {}
        return order


class ReadsAReplica(InMemoryOrderRepository):
    """Reads snapshots from a copy that lags one commit behind for a while."""

    LAG = 2

    def __init__(self) -> None:
        super().__init__()
        self.copy: dict[str, OrderSnapshot | None] = {}
        self.stale_answers: dict[str, int] = defaultdict(int)

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        for order in orders:
            self.copy[order.id] = await super().get_snapshot(order.id)
            self.stale_answers[order.id] = self.LAG
        return await super().save(*orders)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        if self.stale_answers[order_id] > 0:
            self.stale_answers[order_id] -= 1
            return self.copy[order_id]
        return await super().get_snapshot(order_id)


class DecidesOnAReplica(ReadsAReplica):
    """Loads orders from such a copy: stale saves are still rejected, but so are valid requests."""

    async def get_by_id(self, order_id: str) -> Order | None:
        if self.stale_answers[order_id] > 0:
            self.stale_answers[order_id] -= 1
            change = await self.get_change(order_id, self.copy_version(order_id))
            return change.order.to_order() if change else None
        return await super().get_by_id(order_id)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return await InMemoryOrderRepository.get_snapshot(self, order_id)

    def copy_version(self, order_id: str) -> int:
        kept = self.copy[order_id]
        return kept.version if kept else 0


class ListsInCircles(InMemoryOrderRepository):
    """Ignores the position at which a list continues."""

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        return await super().list_page(where, None, limit)


class FeedsInCircles(InMemoryOrderRepository):
    """Returns the position that it was called with."""

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        return replace(await super().read_changes(after, limit), position=after)
