"""The in-memory store: for tests and demos. Its content is lost when the process ends."""

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Iterable, Sequence
from copy import copy
from dataclasses import asdict, replace
from datetime import datetime
from heapq import nsmallest
from itertools import islice

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import (
    PAGE_BYTES,
    FeedEntry,
    FeedPage,
    ListPosition,
    OrderFilter,
    OrderStore,
    SnapshotPage,
    StoredOrder,
)
from orderkeep.application.records import Record, RecordStore, check_write
from orderkeep.application.store_copy import CopiedChange, Fence
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreMoved, StoreUnavailable
from orderkeep.domain.personal_data import PersonalRecord
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.copies import commits_of, copies_of
from orderkeep.infrastructure.personal_rows import PersonalRow, personal_record_of, personal_rows
from orderkeep.infrastructure.serialization import (
    ChangeRecord,
    Commit,
    OrderRecord,
    Recomputed,
    built,
    change_of,
    commit_of,
    mark_saved,
    order_of,
    page_length,
    page_of,
    snapshot_of,
)


class InMemoryOrderRepository(OrderStore):
    """Stores documents, not live objects: changing an order changes nothing here until it is saved."""

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._lock = threading.Lock()
        self._orders: dict[str, OrderRecord] = {}
        self._by_time: list[tuple[datetime, str]] = []
        self._changes: dict[str, list[ChangeRecord]] = {}
        self._feed: list[ChangeRecord] = []
        self._positions: dict[tuple[str, int], int] = {}
        self._personal: dict[str, PersonalRow] = {}
        self._checkpoints: dict[str, str] = {}
        self._keys = InMemoryApiKeys(self)
        self._records = InMemoryRecords(self)
        self._closed = False
        self._fence: list[tuple[Fence, str]] = []
        self._moves = False
        self._commit(tuple(orders))

    async def get_by_id(self, order_id: str) -> Order | None:
        record = self._orders.get(order_id)
        return order_of(record.document, record.requests, record.seal) if record else None

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        return self._commit(orders)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        record = self._orders.get(order_id)
        return _snapshot(record) if record else None

    async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
        with self._lock:
            found = nsmallest(limit, (order_id for order_id in self._orders if order_id.startswith(prefix)))
            return [_snapshot(self._orders[order_id]) for order_id in found]

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        return page_of([_snapshot(record) for record in self._find(where, after, limit + 1)], limit)

    async def get_personal_data(self, order_ids: Sequence[str]) -> dict[str, PersonalRecord]:
        found = [row for order_id in order_ids if (row := self._personal.get(order_id))]
        return {row.order_id: personal_record_of(row.salt, row.record) for row in found}

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        changes = await self.list_changes(order_id, version - 1, 1)
        return changes[0] if changes and changes[0].version == version else None

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        changes = self._changes.get(order_id, [])
        behind = bisect_right(changes, instant, key=lambda change: change.at)
        return change_of(changes[behind - 1]) if behind else None

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        changes = self._changes.get(order_id, [])
        start = max(after_version, 0)
        page = changes[start : start + limit]
        return [change_of(change) for change in page[: page_length([len(change.document) for change in page], limit)]]

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        page = self._feed_page(after, limit)
        return FeedPage(tuple(map(change_of, page)), after + len(page))

    async def read_copies(self, after: int, limit: int) -> list[CopiedChange]:
        return await copies_of(self, self._feed_page(after, limit))

    async def write_copies(self, after: int, changes: Sequence[CopiedChange]) -> None:
        if after != len(self._feed):
            raise ConcurrentUpdate(changes[0].order_id)
        for commit in await commits_of(self, changes):
            self._write([commit])

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        return self._positions.get((order_id, version))

    async def stored_keys(self) -> AsyncIterator[str]:
        for order_id in sorted(self._orders.keys() | self._changes.keys()):
            yield order_id

    async def stored_order(self, key: str) -> StoredOrder:
        recomputed, head = Recomputed(), self._orders.get(key)
        for change in self._changes.get(key, []):
            recomputed.add(change, FeedEntry(change.order_id, change.version, change.hash))
        stored = (head.schema, head.requests) if head else (None, None)
        [(record, order)] = built(lambda _: (recomputed.record(*stored), recomputed.order()), [None])
        found, expected = ({"order": asdict(row)} if row else {} for row in (head, record))
        for rows, row in zip((found, expected), personal_rows(self._personal.get(key), order), strict=True):
            if row:
                rows["personal data"] = row
        return StoredOrder(key, recomputed.changes, found, expected, order)

    async def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:  # noqa: ARG002
        for number, change in enumerate(list(self._feed), start=1):
            yield FeedEntry(change.order_id, change.version, change.hash, (number,))

    async def add_checkpoint(self, recorded_at: str, content: str) -> None:
        self._checkpoints.setdefault(recorded_at, content)

    async def last_checkpoint(self) -> str | None:
        return self._checkpoints[max(self._checkpoints)] if self._checkpoints else None

    async def fence(self, state: Fence = Fence.MOVED, owner: str = "") -> Fence | None:
        with self._lock:
            before = await self.fenced()
            self._fence[:] = [(state, owner)]
            return before

    async def lift_fence(self, owner: str = "") -> bool:
        with self._lock:
            if self._fence and not await self.is_fenced_by(owner):
                return False
            self._fence.clear()
            return True

    async def is_fenced_by(self, owner: str) -> bool:
        return bool(self._fence) and self._fence[0][1] == owner

    async def fenced(self) -> Fence | None:
        return self._fence[0][0] if self._fence else None

    async def count_changes(self) -> int:
        return len(self._feed)

    def to_move(self) -> "InMemoryOrderRepository":
        """Return the same store for the process that moves orders: it also writes while the store is fenced."""
        same = copy(self)
        vars(same).update(_moves=True, _keys=self._keys.of(same), _records=self._records.of(same))
        return same

    async def ping(self) -> None:
        self.check_open()

    def api_keys(self) -> ApiKeyStore:
        return self._keys

    def records(self) -> RecordStore:
        return self._records

    async def close(self) -> None:
        self._closed = True

    def _feed_page(self, after: int, limit: int) -> list[ChangeRecord]:
        if not 0 <= after <= len(self._feed):
            raise InvalidCursor
        page = self._feed[after : after + limit]
        return page[: page_length([len(change.document) for change in page], limit)]

    def _find(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderRecord]:
        with self._lock:
            end = len(self._by_time) if after is None else bisect_left(self._by_time, (after.created_at, after.id))
            newest_first = (self._orders[self._by_time[index][1]] for index in range(end - 1, -1, -1))
            return list(islice((record for record in newest_first if self._matches(record, where)), limit))

    def _commit(self, orders: tuple[Order, ...]) -> tuple[OrderSnapshot, ...]:
        commits = [commit_of(order) for order in orders]
        self._write(commits)
        return mark_saved(orders, commits)

    def _write(self, commits: Sequence[Commit]) -> None:
        with self._lock:
            self.check_writable()
            for commit in commits:
                kept = self._orders.get(commit.order.id)
                twice = sum(other.order.id == commit.order.id for other in commits) > 1
                if twice or (kept.version if kept else 0) != commit.expected_version:
                    raise ConcurrentUpdate(commit.order.id)
            for commit in commits:
                if not commit.expected_version:
                    insort(self._by_time, (commit.order.created_at, commit.order.id))
                self._orders[commit.order.id] = commit.order
                self._changes.setdefault(commit.order.id, []).append(commit.change)
                self._feed.append(commit.change)
                self._positions[commit.order.id, commit.order.version] = len(self._feed)
                if commit.personal is not None:
                    self._personal[commit.order.id] = commit.personal
                elif commit.sets_personal:
                    self._personal.pop(commit.order.id, None)

    def _matches(self, record: OrderRecord, where: OrderFilter) -> bool:
        personal = self._personal.get(record.id)
        labels = (*record.tags, personal.label) if personal else record.tags
        return (
            where.user_id in (None, record.user_id)
            and (not where.statuses or record.status in where.statuses)
            and where.external_ref in (None, record.external_ref)
            and (where.tag is None or where.tag in labels)
            and (where.created_from is None or record.created_at >= where.created_from)
            and (where.created_to is None or record.created_at < where.created_to)
        )

    def check_open(self) -> None:
        """Raise `StoreUnavailable` once the store is closed."""
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def check_writable(self) -> None:
        """Raise `StoreUnavailable` once the store is closed, and `StoreMoved` while it is fenced."""
        self.check_open()
        if self._fence and not self._moves:
            raise StoreMoved


class InMemoryApiKeys(ApiKeyStore):
    """Keeps API keys as long as the process lives."""

    def __init__(self, store: InMemoryOrderRepository) -> None:
        self._store, self._keys = store, dict[str, ApiKey]()

    def of(self, store: InMemoryOrderRepository) -> "InMemoryApiKeys":
        """Return the same content as part of another view of the store."""
        same = copy(self)
        vars(same).update(_store=store)
        return same

    async def add(self, key: ApiKey) -> bool:
        self._store.check_writable()
        return self._keys.setdefault(key.id, key) is key

    async def get(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        end = None if after is None else (after.created_at, after.id)
        found = [key for key in self._keys.values() if end is None or (key.created_at, key.id) < end]
        return sorted(found, key=lambda key: (key.created_at, key.id), reverse=True)[:limit]

    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        self._store.check_writable()
        key = self._keys.get(key_id)
        if key is not None and key.revoked_at is None:
            self._keys[key_id] = replace(key, revoked_at=at)
        return self._keys.get(key_id)

    async def note_use(self, key_id: str, at: datetime) -> None:
        self._store.check_writable()
        key = self._keys.get(key_id)
        if key is not None and (key.last_used_at is None or key.last_used_at < at):
            self._keys[key_id] = replace(key, last_used_at=at)


class InMemoryRecords(RecordStore):
    """Keeps records as long as the process lives."""

    def __init__(self, store: InMemoryOrderRepository) -> None:
        self._store, self._lock, self._stored = store, threading.Lock(), dict[tuple[str, str], Record]()

    def of(self, store: InMemoryOrderRepository) -> "InMemoryRecords":
        """Return the same content as part of another view of the store."""
        same = copy(self)
        vars(same).update(_store=store)
        return same

    async def get_records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        return [record for id in sorted(set(ids)) if (record := self._stored.get((kind, id)))]

    async def list_records(self, kind: str, after: str = "", limit: int = 100) -> list[Record]:
        with self._lock:
            found = [record for record in self._stored.values() if record.kind == kind and record.id > after]
        page, size = list[Record](), 0
        for record in nsmallest(limit, found, key=lambda record: record.id):
            size += len(record.content.encode())
            if page and size > PAGE_BYTES:
                break
            page.append(record)
        return page

    async def write_records(self, records: Sequence[Record], deleted: Sequence[Record] = ()) -> list[Record]:
        self._store.check_writable()
        check_write(records, deleted)
        with self._lock:
            for record in (*records, *deleted):
                stored = self._stored.get((record.kind, record.id))
                if (stored.version if stored else 0) != record.version:
                    raise ConcurrentUpdate(record.id)
            written = [replace(record, version=record.version + 1) for record in records]
            self._stored |= {(record.kind, record.id): record for record in written}
            for record in deleted:
                self._stored.pop((record.kind, record.id), None)
        return written


def _snapshot(record: OrderRecord) -> OrderSnapshot:
    return snapshot_of(record.id, record.user_id, record.created_at, record.version, record.schema, record.document)
