"""An order store outside the package: SQLAlchemy Core on SQLite."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, create_engine, delete, func, insert, literal, select, tuple_, union, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError

from examples.sqlalchemy_store.tables import CHANGES, CHECKPOINTS, METADATA, ORDERS, PERSONAL_DATA, TAGS, Instant
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
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
from orderkeep.infrastructure.personal_rows import PersonalRow, personal_record_of, personal_rows
from orderkeep.infrastructure.serialization import (
    ChangeRecord,
    Commit,
    Recomputed,
    built,
    change_of,
    commit_of,
    mark_saved,
    order_of,
    page_length,
    page_of,
    row_name,
    snapshot_of,
)

Columns = tuple[Any, ...]
T = TypeVar("T")

LARGEST = 2**63 - 1
ORDER = select(ORDERS.c.document, ORDERS.c.requests, ORDERS.c.seal)
SNAPSHOT = select(*(ORDERS.c[name] for name in ("id", "user_id", "created_at", "version", "schema", "document")))
CHANGE = select(*(column for column in CHANGES.c if column is not CHANGES.c.position))


class SqlAlchemyStore(OrderStore):
    """Stores orders in one file. One thread runs all transactions, because SQLite has one writer: they are committed in
    the order in which they begin, and positions of the feed are assigned in that order.
    """

    def __init__(self, path: str) -> None:
        self._engine = create_engine(f"sqlite:///{path}")
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._closed = False
        METADATA.create_all(self._engine)

    async def get_by_id(self, order_id: str) -> Order | None:
        row = await self._first(ORDER.where(ORDERS.c.id == order_id))
        return order_of(*row) if row else None

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        commits = [commit_of(order) for order in orders]
        await self._do(lambda connection: _write(connection, commits))
        return mark_saved(orders, commits)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        row = await self._first(SNAPSHOT.where(ORDERS.c.id == order_id))
        return snapshot_of(*row) if row else None

    async def find_by_id_prefix(self, prefix: str, limit: int) -> list[OrderSnapshot]:
        query = SNAPSHOT.where(ORDERS.c.id >= prefix, ORDERS.c.id < f"{prefix}\U0010ffff").order_by(ORDERS.c.id)
        return [snapshot_of(*row) for row in await self._all(query.limit(min(limit, LARGEST)))]

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        rows = await self._all(_list(where, after).limit(min(limit, LARGEST - 1) + 1))
        return page_of([snapshot_of(*row) for row in rows], limit)

    async def get_personal_data(self, order_ids: Sequence[str]) -> dict[str, PersonalRecord]:
        rows = await self._all(select(PERSONAL_DATA).where(PERSONAL_DATA.c.order_id.in_(order_ids)))
        return {order_id: personal_record_of(salt, record) for order_id, salt, record, _ in rows}

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        changes = await self.list_changes(order_id, version - 1, 1)
        return changes[0] if changes and changes[0].version == version else None

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        until = CHANGE.where(CHANGES.c.order_id == order_id, CHANGES.c.at <= instant)
        row = await self._first(until.order_by(CHANGES.c.version.desc()))
        return change_of(ChangeRecord(*row)) if row else None

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        later = CHANGES.c.version > max(0, min(after_version, LARGEST))
        query = CHANGE.where(CHANGES.c.order_id == order_id, later).order_by(CHANGES.c.version)
        page = [ChangeRecord(*row) for row in await self._all(query.limit(min(limit, LARGEST)))]
        return [change_of(change) for change in page[: page_length([len(change.document) for change in page], limit)]]

    async def read_changes(self, after: int, limit: int) -> FeedPage:
        [(last,)] = await self._all(select(func.max(CHANGES.c.position)))
        if not 0 <= after <= (last or 0):
            raise InvalidCursor
        query = CHANGE.where(CHANGES.c.position > after).order_by(CHANGES.c.position)
        records = [ChangeRecord(*row) for row in await self._all(query.limit(min(limit, LARGEST)))]
        length = page_length([len(record.document) for record in records], limit)
        return FeedPage(tuple(map(change_of, records[:length])), after + length)

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        query = select(CHANGES.c.position).where(CHANGES.c.order_id == order_id)
        row = await self._first(query.where(CHANGES.c.version == max(0, min(version, LARGEST))))
        return row[0] if row else None

    async def stored_keys(self) -> AsyncIterator[str]:
        last = ""
        while True:
            ids = (select(column).where(column > last) for column in (ORDERS.c.id, CHANGES.c.order_id, TAGS.c.order_id))
            rows = await self._all(select(union(*ids).subquery()).order_by("id").limit(100))
            for (order_id,) in rows:
                yield order_id
            if not rows:
                return
            last = rows[-1][0]

    async def stored_order(self, key: str) -> StoredOrder:
        recomputed = Recomputed()
        changes = select(CHANGES).where(CHANGES.c.order_id == key).order_by(CHANGES.c.version)
        for row in await self._all(changes):
            change = ChangeRecord(*row[1:])
            recomputed.add(change, FeedEntry(key, change.version, change.hash, (row[0],)))
        found = {}
        for head_row in await self._all(select(ORDERS).where(ORDERS.c.id == key)):
            found["order"] = dict(zip(ORDERS.c.keys(), head_row, strict=True))
        for tag_row in await self._all(select(TAGS).where(TAGS.c.order_id == key)):
            found[row_name(tag_row[0])] = dict(zip(TAGS.c.keys(), tag_row, strict=True))
        head = found.get("order", {})
        [(record, order)] = built(
            lambda _: (recomputed.record(head.get("schema"), head.get("requests")), recomputed.order()), [None]
        )
        personal = await self._first(select(PERSONAL_DATA).where(PERSONAL_DATA.c.order_id == key))
        found_data, expected_data = personal_rows(PersonalRow(*personal) if personal else None, order)
        found |= {"personal data": found_data} if found_data else {}
        expected = {"personal data": expected_data} if expected_data else {}
        if record is not None:
            place = {"created_at": record.created_at, "order_id": key}
            tags = [*record.tags, expected_data["label"]] if expected_data.get("label") else record.tags
            expected |= {row_name(tag): {"tag": tag, **place} for tag in tags}
            expected["order"] = {name: value for name, value in asdict(record).items() if name != "tags"}
        return StoredOrder(key, recomputed.changes, found, expected, order)

    async def feed_entries(self, *, settled: bool = False) -> AsyncIterator[FeedEntry]:  # noqa: ARG002
        query = select(CHANGES.c.order_id, CHANGES.c.version, CHANGES.c.hash, CHANGES.c.position)
        last = 0
        while rows := await self._all(query.where(CHANGES.c.position > last).order_by(CHANGES.c.position).limit(100)):
            for order_id, version, change_hash, last in rows:
                yield FeedEntry(order_id, version, change_hash, (last,))

    async def add_checkpoint(self, recorded_at: str, content: str) -> None:
        await self._do(lambda connection: connection.execute(insert(CHECKPOINTS).values((recorded_at, content))))

    async def last_checkpoint(self) -> str | None:
        row = await self._first(select(CHECKPOINTS.c.content).order_by(CHECKPOINTS.c.id.desc()))
        return row[0] if row else None

    async def ping(self) -> None:
        await self._first(select(ORDERS.c.id))

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()

    async def _first(self, query: Select[Any]) -> Columns | None:
        rows = await self._all(query.limit(1))
        return rows[0] if rows else None

    async def _all(self, query: Select[Any]) -> list[Columns]:
        try:
            return await self._do(lambda connection: [tuple(row) for row in connection.execute(query)])
        except UnicodeEncodeError:
            return []  # an unpaired surrogate in the query: no stored text contains one

    async def _do(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_one_transaction, work)

    def _in_one_transaction(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the database reported an error ({type(error).__name__})") from error


def _write(connection: Connection, commits: Sequence[Commit]) -> None:
    for commit in commits:
        values = asdict(commit.order)
        del values["tags"]
        if commit.expected_version:
            seen = (ORDERS.c.id == commit.order.id, ORDERS.c.version == commit.expected_version)
            done = connection.execute(update(ORDERS).where(*seen).values(values))
        else:
            done = connection.execute(sqlite.insert(ORDERS).values(values).on_conflict_do_nothing())
        if done.rowcount != 1:
            raise ConcurrentUpdate(commit.order.id)
        connection.execute(delete(TAGS).where(TAGS.c.order_id == commit.order.id, TAGS.c.tag.in_(commit.removed)))
        if commit.added:
            place = {"created_at": commit.order.created_at, "order_id": commit.order.id}
            connection.execute(insert(TAGS), [{"tag": tag, **place} for tag in commit.added])
        if commit.sets_personal:
            _write_personal_data(connection, commit)
        connection.execute(insert(CHANGES).values(asdict(commit.change)))


def _write_personal_data(connection: Connection, commit: Commit) -> None:
    order, personal = commit.order, commit.personal
    stored = PERSONAL_DATA.c.order_id == order.id
    labels = select(PERSONAL_DATA.c.label).where(stored, PERSONAL_DATA.c.label.is_not(None))
    connection.execute(delete(TAGS).where(TAGS.c.order_id == order.id, TAGS.c.tag.in_(labels)))
    connection.execute(delete(PERSONAL_DATA).where(stored))
    if personal is not None:
        connection.execute(insert(PERSONAL_DATA).values(asdict(personal)))
        if personal.label is not None:
            row = {"tag": personal.label, "created_at": order.created_at, "order_id": order.id}
            connection.execute(insert(TAGS).values(row))


def _list(where: OrderFilter, after: ListPosition | None) -> Select[Any]:
    query, created_at, id = SNAPSHOT, ORDERS.c.created_at, ORDERS.c.id
    if where.tag is not None:
        created_at, id = TAGS.c.created_at, TAGS.c.order_id
        query = query.join(TAGS, id == ORDERS.c.id).where(TAGS.c.tag == where.tag)
    if where.statuses:
        query = query.where(ORDERS.c.status.in_(where.statuses))
    for name in ("user_id", "external_ref"):
        if (value := getattr(where, name)) is not None:
            query = query.where(ORDERS.c[name] == value)
    if where.created_from is not None:
        query = query.where(created_at >= where.created_from)
    if where.created_to is not None:
        query = query.where(created_at < where.created_to)
    if after is not None:
        query = query.where(tuple_(created_at, id) < tuple_(literal(after.created_at, Instant), after.id))
    return query.order_by(created_at.desc(), id.desc())
