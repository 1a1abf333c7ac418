"""A store whose orders may be moved to another one while it is used: each call goes to the one that is open.

The fences of both decide. At most one accepts writes, and between the two for longer than any process takes to see it,
so a process that runs never reads a store that is no longer written.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
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
from orderkeep.application.records import Record, RecordStore
from orderkeep.application.store_copy import SWITCH_SECONDS, WholeStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.repositories import OrderSnapshot

CHECK_SECONDS = SWITCH_SECONDS / 4
"""How often the fence of the open store is looked at. While it is up, that of the other store is, before each call."""

Open = Callable[[], WholeStore]


class MovableStore(OrderStore):
    """One of two stores. The second one is opened when the fence of the first one is seen: it may not exist before."""

    def __init__(self, first: WholeStore, open_second: Open, clock: Callable[[], float] = monotonic) -> None:
        self._stores, self._open_second, self._clock = [first], open_second, clock
        self._current, self._is_fenced, self._checked_at = 0, False, -CHECK_SECONDS
        self.saves_at_once = first.orders.saves_at_once

    async def current(self) -> WholeStore:
        """Return the store that is open, or the one that was open last."""
        if self._is_fenced or self._clock() - self._checked_at >= CHECK_SECONDS:
            checked, checked_at = self._current, self._clock()  # before the fence is read
            is_fenced = await self._stores[checked].fence.fenced() is not None
            is_other_open = is_fenced and await self._is_open(1 - checked)
            if checked == self._current:  # other calls may have switched meanwhile
                self._current = 1 - checked if is_other_open else checked
                self._is_fenced, self._checked_at = is_fenced and not is_other_open, checked_at
        return self._stores[self._current]

    async def _is_open(self, index: int) -> bool:
        try:
            if index == len(self._stores):
                self._stores.append(self._open_second())
            return await self._stores[index].fence.fenced() is None
        except StoreUnavailable:  # it does not exist yet, or cannot be reached
            return False

    async def _orders(self) -> OrderStore:
        return (await self.current()).orders

    async def get_by_id(self, order_id: str) -> Order | None:
        return await (await self._orders()).get_by_id(order_id)

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        return await (await self._orders()).save(*orders)

    async def save_each(self, orders: Sequence[Order]) -> list[bool]:
        return await (await self._orders()).save_each(orders)

    async def get_personal_data(self, order_ids: Sequence[str]) -> Mapping[str, PersonalRecord]:
        return await (await self._orders()).get_personal_data(order_ids)

    async def purge(self) -> None:
        await (await self._orders()).purge()

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return await (await self._orders()).get_snapshot(order_id)

    async def find_by_id_prefix(self, prefix: str, limit: int) -> Sequence[OrderSnapshot]:
        return await (await self._orders()).find_by_id_prefix(prefix, limit)

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        return await (await self._orders()).list_page(where, after, limit)

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        return await (await self._orders()).get_change(order_id, version)

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        return await (await self._orders()).get_change_at(order_id, instant)

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        return await (await self._orders()).list_changes(order_id, after_version, limit)

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        return await (await self._orders()).read_changes(after, limit)

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        return await (await self._orders()).position_of_change(order_id, version)

    async def stored_keys(self) -> AsyncIterator[str]:
        async for key in (await self._orders()).stored_keys():
            yield key

    async def stored_order(self, key: str) -> StoredOrder:
        return await (await self._orders()).stored_order(key)

    async def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:
        async for entry in (await self._orders()).feed_entries(settled=settled):
            yield entry

    async def count_rows(self) -> Mapping[str, int]:
        return await (await self._orders()).count_rows()

    async def find_damage(self) -> Sequence[str]:
        return await (await self._orders()).find_damage()

    async def add_checkpoint(self, recorded_at: str, content: str) -> None:
        await (await self._orders()).add_checkpoint(recorded_at, content)

    async def last_checkpoint(self) -> str | None:
        return await (await self._orders()).last_checkpoint()

    async def ping(self) -> None:
        await (await self._orders()).ping()

    async def close(self) -> None:
        for store in self._stores:
            await store.orders.close()

    def api_keys(self) -> ApiKeyStore:
        """Return the API keys of the open store."""
        return _MovableKeys(self.current)

    def records(self) -> RecordStore:
        """Return the records of the open store."""
        return _MovableRecords(self.current)


class _MovableKeys(ApiKeyStore):
    def __init__(self, current: Callable[[], Awaitable[WholeStore]]) -> None:
        self._current = current

    async def _keys(self) -> ApiKeyStore:
        keys = (await self._current()).keys
        assert keys is not None  # noqa: S101  # every store that can be fenced has API keys
        return keys

    async def add(self, key: ApiKey) -> bool:
        return await (await self._keys()).add(key)

    async def get(self, key_id: str) -> ApiKey | None:
        return await (await self._keys()).get(key_id)

    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        return await (await self._keys()).list_newest(after, limit)

    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        return await (await self._keys()).revoke(key_id, at)

    async def note_use(self, key_id: str, at: datetime) -> None:
        await (await self._keys()).note_use(key_id, at)


class _MovableRecords(RecordStore):
    def __init__(self, current: Callable[[], Awaitable[WholeStore]]) -> None:
        self._current = current

    async def _records(self) -> RecordStore:
        records = (await self._current()).records
        assert records is not None  # noqa: S101  # every store that can be fenced has records
        return records

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        return await (await self._records()).get_records(kind, ids)

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        return await (await self._records()).list_records(kind, after, limit)

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        return await (await self._records()).write_records(records, deleted)
