"""The SQLite store: reads on the event loop itself, from connections that only read; writes by one thread."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import FeedPage, ListPosition, OrderFilter, OrderSnapshot, OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.serialization import commit_of
from orderkeep.infrastructure.sqlite_repo.connections import OrdersFile, Readers
from orderkeep.infrastructure.sqlite_repo.errors import UNREADABLE
from orderkeep.infrastructure.sqlite_repo.lists import in_64_bits, list_query
from orderkeep.infrastructure.sqlite_repo.rows import (
    CHANGE_COLUMNS,
    ORDER_COLUMNS,
    SNAPSHOT_COLUMNS,
    Row,
    Write,
    change_of_row,
    feed_change_of_row,
    microseconds,
    order_of_row,
    snapshot_of_row,
)
from orderkeep.infrastructure.sqlite_repo.writer import CommitWriter

if TYPE_CHECKING:
    from orderkeep.application.access.api_keys import ApiKeyStore

_GET_ORDER = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = ?"  # noqa: S608  # nothing in these comes from outside
_GET_SNAPSHOT = f"SELECT {SNAPSHOT_COLUMNS} FROM orders AS o WHERE id = ?"  # noqa: S608
_IF_OWN = " AND user_id = ?"
_GET_CHANGE = f"SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = ? AND version = ?"  # noqa: S608
_GET_CHANGE_AT = f"""
    SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = ? AND at <= ? ORDER BY version DESC LIMIT 1
"""  # noqa: S608
_LIST_CHANGES = f"""
    SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = ? AND version > ? ORDER BY version LIMIT ?
"""  # noqa: S608
_READ_CHANGES = f"SELECT position, {CHANGE_COLUMNS} FROM changes WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608
_LAST_POSITION = "SELECT coalesce(max(position), 0) FROM changes"
_PING = "SELECT 1 FROM orders LIMIT 1"

_Built = TypeVar("_Built")


class SqliteOrderRepository(OrderStore):
    """Keeps orders in one file, which is made if it is not there. Several processes may use the file at once.

    Raises `StoreUnavailable` where the file cannot be opened, and its `StoreUnusable` where somebody must mend
    something first: the path, the permissions, a file that is not ours, newer or damaged. Without `migrate`, one that
    is older or not there is refused too.
    """

    def __init__(self, path: str | os.PathLike[str], *, migrate: bool = True) -> None:
        self._file = OrdersFile(path, migrate=migrate)
        self._writer = CommitWriter(self._file.open_to_write(), self._file.check_in_place)
        self._readers = Readers(self._file)

    async def get_by_id(self, order_id: str) -> Order | None:
        return self._one(order_of_row, _GET_ORDER, order_id)

    async def get_own(self, order_id: str, user_id: str) -> Order | None:
        return self._one(order_of_row, _GET_ORDER + _IF_OWN, order_id, user_id)

    async def save(self, *orders: Order) -> None:
        commits = [commit_of(order) for order in orders]
        if not commits:
            return
        await self._writer.save([Write.of(commit) for commit in commits])
        for order, commit in zip(orders, commits, strict=True):
            order.mark_saved(commit.order.seal)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return self._one(snapshot_of_row, _GET_SNAPSHOT, order_id)

    async def get_own_snapshot(self, order_id: str, user_id: str) -> OrderSnapshot | None:
        return self._one(snapshot_of_row, _GET_SNAPSHOT + _IF_OWN, order_id, user_id)

    async def list_snapshots(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderSnapshot]:
        query, parameters = list_query(where, after, limit)
        return self._all(snapshot_of_row, query, *parameters)

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        return self._one(change_of_row, _GET_CHANGE, order_id, in_64_bits(version))

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        return self._one(change_of_row, _GET_CHANGE_AT, order_id, microseconds(instant))

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        return self._all(change_of_row, _LIST_CHANGES, order_id, in_64_bits(after_version), in_64_bits(limit))

    async def read_changes(self, after: str | None, limit: int) -> FeedPage:
        start = 0 if after is None else _feed_position(after)
        found = self._all(feed_change_of_row, _READ_CHANGES, start, in_64_bits(limit))
        if not found and start > self._readers.rows(_LAST_POSITION, ())[0][0]:
            raise InvalidCursor  # the file is older than the cursor: a backup that was put back, say
        return FeedPage(tuple(change for _, change in found), str(found[-1][0] if found else start))

    async def ping(self) -> None:
        self._file.check_in_place()
        self._readers.rows(_PING, ())

    async def close(self) -> None:
        self._readers.close()
        await self._writer.close()

    async def migrate(self) -> tuple[int, int]:
        """Return the schema's number before the file was opened, which brought it up to date, and after."""
        return self._file.migrated

    def api_keys(self) -> "ApiKeyStore":
        """Return the API keys that the file keeps beside the orders."""
        from orderkeep.infrastructure.sqlite_repo.api_keys import SqliteApiKeys  # here: most processes need none

        return SqliteApiKeys(self._writer, self._readers)

    def _one(self, build: Callable[[Row], _Built], query: str, *parameters: Any) -> _Built | None:
        found = self._all(build, query, *parameters)
        return found[0] if found else None

    def _all(self, build: Callable[[Row], _Built], query: str, *parameters: Any) -> list[_Built]:
        rows = self._readers.rows(query, parameters)
        try:
            return [build(row) for row in rows]
        except (msgspec.MsgspecError, ValueError, TypeError, OverflowError) as error:
            raise StoreUnusable(UNREADABLE) from error


def _feed_position(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidCursor
    return int(text)
