"""The SQLite store: reads on the event loop itself, from connections that only read; writes by one thread."""

import os
from datetime import datetime

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import FeedPage, ListPosition, OrderFilter, OrderSnapshot, OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import InvalidCursor
from orderkeep.infrastructure.serialization import change_of, commit_of, order_of
from orderkeep.infrastructure.sqlite_repo.connections import OrdersFile, Readers
from orderkeep.infrastructure.sqlite_repo.lists import in_64_bits, list_query
from orderkeep.infrastructure.sqlite_repo.rows import (
    CHANGE_COLUMNS,
    SNAPSHOT_COLUMNS,
    Write,
    change_of_row,
    microseconds,
    snapshot_of_row,
)
from orderkeep.infrastructure.sqlite_repo.writer import CommitWriter

_GET_ORDER = "SELECT CAST(document AS BLOB), CAST(requests AS BLOB), seal FROM orders WHERE id = ?"
_GET_SNAPSHOT = f"SELECT {SNAPSHOT_COLUMNS} FROM orders AS o WHERE id = ?"  # noqa: S608  # nothing from outside
_CHANGES = f"SELECT {CHANGE_COLUMNS} FROM changes WHERE"  # noqa: S608
_GET_CHANGE = f"{_CHANGES} order_id = ? AND version = ?"
_GET_CHANGE_AT = f"{_CHANGES} order_id = ? AND at <= ? ORDER BY version DESC LIMIT 1"
_LIST_CHANGES = f"{_CHANGES} order_id = ? AND version > ? ORDER BY version LIMIT ?"
_READ_CHANGES = f"{_CHANGES.replace('SELECT', 'SELECT position,', 1)} position > ? ORDER BY position LIMIT ?"
_PING = "SELECT 1 FROM orders LIMIT 1"


class SqliteOrderRepository(OrderStore):
    """Keeps orders in one file, which is made if it is not there. Several processes may use the file at once.

    Raises `StoreUnavailable` where the file cannot be opened, and its `StoreUnusable` where somebody must mend
    something first: the path, the permissions, a file that is not ours, newer or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = OrdersFile(path)
        self._writer = CommitWriter(self._file.open_to_write(), self._file.check_in_place)
        self._readers = Readers(self._file)

    async def get_by_id(self, order_id: str) -> Order | None:
        rows = self._readers.rows(_GET_ORDER, (order_id,))
        return order_of(*rows[0]) if rows else None

    async def save(self, *orders: Order) -> None:
        commits = [commit_of(order) for order in orders]
        if not commits:
            return
        await self._writer.save([Write.of(commit) for commit in commits])
        for order, commit in zip(orders, commits, strict=True):
            order.mark_saved(commit.order.seal)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        rows = self._readers.rows(_GET_SNAPSHOT, (order_id,))
        return snapshot_of_row(rows[0]) if rows else None

    async def list_snapshots(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderSnapshot]:
        return [snapshot_of_row(row) for row in self._readers.rows(*list_query(where, after, limit))]

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        rows = self._readers.rows(_GET_CHANGE, (order_id, in_64_bits(version)))
        return change_of(change_of_row(rows[0])) if rows else None

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        rows = self._readers.rows(_GET_CHANGE_AT, (order_id, microseconds(instant)))
        return change_of(change_of_row(rows[0])) if rows else None

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        rows = self._readers.rows(_LIST_CHANGES, (order_id, in_64_bits(after_version), in_64_bits(limit)))
        return [change_of(change_of_row(row)) for row in rows]

    async def read_changes(self, after: str | None, limit: int) -> FeedPage:
        start = 0 if after is None else _feed_position(after)
        rows = self._readers.rows(_READ_CHANGES, (start, in_64_bits(limit)))
        changes = tuple(change_of(change_of_row(row[1:])) for row in rows)
        return FeedPage(changes, str(rows[-1][0] if rows else start))

    async def ping(self) -> None:
        self._file.check_in_place()
        self._readers.rows(_PING, ())

    async def close(self) -> None:
        self._readers.close()
        await self._writer.close()


def _feed_position(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidCursor
    return int(text)
