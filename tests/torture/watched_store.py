"""A store that counts its calls and interleaves them, and the error of a check."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import ParamSpec, TypeVar

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import (
    FeedEntry,
    FeedPage,
    ListPosition,
    OrderFilter,
    OrderStore,
    SnapshotPage,
    StoredOrder,
)
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.repositories import OrderSnapshot

MOST_TURNS = 3

P = ParamSpec("P")
T = TypeVar("T")


class ContractViolation(AssertionError):
    """The store broke a guarantee; the message contains what was observed."""


@dataclass(slots=True)
class Calls:
    """The number of calls, of saves rejected as concurrent, and of calls that raised `StoreUnavailable`."""

    operations: int = 0
    conflicts: int = 0
    unavailable: int = 0


class WatchedStore(OrderStore):
    """Forwards every call to a store and yields to other tasks a few times before and after it. Without that, calls of
    the memory store would never overlap, and those of other stores would overlap in the same way in every round.
    """

    def __init__(self, store: OrderStore) -> None:
        self.store, self.calls = store, Calls()
        self._chance = Random()  # variety, not secrets

    async def get_by_id(self, order_id: str) -> Order | None:
        return await self._watched(self.store.get_by_id, order_id)

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        try:
            return await self._watched(self.store.save, *orders)
        except ConcurrentUpdate:
            self.calls.conflicts += 1
            raise

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return await self._watched(self.store.get_snapshot, order_id)

    async def find_by_id_prefix(self, prefix: str, limit: int) -> Sequence[OrderSnapshot]:
        return await self._watched(self.store.find_by_id_prefix, prefix, limit)

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        return await self._watched(self.store.list_page, where, after, limit)

    async def get_personal_data(self, order_ids: Sequence[str]) -> Mapping[str, PersonalRecord]:
        return await self._watched(self.store.get_personal_data, order_ids)

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        return await self._watched(self.store.get_change, order_id, version)

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        return await self._watched(self.store.get_change_at, order_id, instant)

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        return await self._watched(self.store.list_changes, order_id, after_version, limit)

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        return await self._watched(self.store.read_changes, after, limit)

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        return await self._watched(self.store.position_of_change, order_id, version)

    def stored_keys(self) -> AsyncIterator[str]:
        return self.store.stored_keys()

    async def stored_order(self, key: str) -> StoredOrder:
        return await self._watched(self.store.stored_order, key)

    def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        return self.store.feed_entries(settled=settled)

    async def add_checkpoint(self, recorded_at: str, content: str) -> None:
        await self._watched(self.store.add_checkpoint, recorded_at, content)

    async def last_checkpoint(self) -> str | None:
        return await self._watched(self.store.last_checkpoint)

    async def ping(self) -> None:
        await self._watched(self.store.ping)

    async def close(self) -> None:
        await self.store.close()

    async def _watched(self, call: Callable[P, Awaitable[T]], *given: P.args, **named: P.kwargs) -> T:
        self.calls.operations += 1
        await self._yield_to_others()
        try:
            return await call(*given, **named)
        except StoreUnavailable:
            self.calls.unavailable += 1
            raise
        finally:
            await self._yield_to_others()

    async def _yield_to_others(self) -> None:
        for _ in range(self._chance.randrange(MOST_TURNS)):
            await asyncio.sleep(0)
