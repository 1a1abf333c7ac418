"""The PostgreSQL store: every read and every save of one order is one statement on a pool of connections."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import msgspec

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import FeedPage, ListPosition, OrderFilter, OrderSnapshot, OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnusable
from orderkeep.infrastructure.postgres_repo.connections import Connections
from orderkeep.infrastructure.postgres_repo.errors import UNREADABLE, in_our_words, is_no_text, is_race
from orderkeep.infrastructure.postgres_repo.feed import READ_CHANGES, Position, position_of, text_of
from orderkeep.infrastructure.postgres_repo.lists import in_64_bits, list_query
from orderkeep.infrastructure.postgres_repo.rows import (
    CHANGE_COLUMNS,
    ORDER_COLUMNS,
    SNAPSHOT_COLUMNS,
    Row,
    change_of_row,
    order_of_row,
    snapshot_of_row,
    write_of,
)
from orderkeep.infrastructure.serialization import Commit, commit_of

if TYPE_CHECKING:
    from orderkeep.application.access.api_keys import ApiKeyStore

POOL_SIZE = 10
FEED_PATIENCE_SECONDS = 1.0
"""How long a page of the feed waits for older transactions to end, before it leaves out what they hold back."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.002, 0.05

_GET_ORDER = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = $1"  # noqa: S608  # nothing in these comes from outside
_GET_SNAPSHOT = f"SELECT {SNAPSHOT_COLUMNS} FROM orders WHERE id = $1"  # noqa: S608
_IF_OWN = " AND user_id = $2"
_GET_CHANGE = f"SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = $1 AND version = $2::bigint"  # noqa: S608
_GET_CHANGE_AT = f"""
    SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = $1 AND at <= $2 ORDER BY version DESC LIMIT 1
"""  # noqa: S608
_LIST_CHANGES = f"""
    SELECT {CHANGE_COLUMNS} FROM changes WHERE order_id = $1 AND version > $2::bigint ORDER BY version LIMIT $3
"""  # noqa: S608
_PING = "SELECT 1 FROM orders LIMIT 1"

_Built = TypeVar("_Built")


class PostgresOrderRepository(OrderStore):
    """Keeps orders in the database that a `postgresql://` URL names, which is PostgreSQL 13 or newer. Connects when
    first used; then makes the tables, or with `migrate` off refuses a database that lacks them.

    Any number of processes, threads and event loops may use it, each loop with a pool of `pool_size` connections.
    """

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE, migrate: bool = True) -> None:
        self._connections = Connections(url, pool_size, migrate=migrate)

    async def get_by_id(self, order_id: str) -> Order | None:
        return await self._one(order_of_row, _GET_ORDER, order_id)

    async def get_own(self, order_id: str, user_id: str) -> Order | None:
        return await self._one(order_of_row, _GET_ORDER + _IF_OWN, order_id, user_id)

    async def save(self, *orders: Order) -> None:
        commits = [commit_of(order) for order in orders]
        if not commits:
            return
        with in_our_words():
            try:
                await (self._save_one(commits[0]) if len(commits) == 1 else self._save_all(commits))
            except asyncpg.PostgresError as error:
                if not is_race(error):
                    raise
                raise ConcurrentUpdate(commits[0].order.id) from error
        for order, commit in zip(orders, commits, strict=True):
            order.mark_saved(commit.order.seal)

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return await self._one(snapshot_of_row, _GET_SNAPSHOT, order_id)

    async def get_own_snapshot(self, order_id: str, user_id: str) -> OrderSnapshot | None:
        return await self._one(snapshot_of_row, _GET_SNAPSHOT + _IF_OWN, order_id, user_id)

    async def list_snapshots(self, where: OrderFilter, after: ListPosition | None, limit: int) -> list[OrderSnapshot]:
        query, parameters = list_query(where, after, limit)
        return await self._all(snapshot_of_row, query, *parameters)

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        return await self._one(change_of_row, _GET_CHANGE, order_id, in_64_bits(version))

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        return await self._one(change_of_row, _GET_CHANGE_AT, order_id, instant)

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        return await self._all(change_of_row, _LIST_CHANGES, order_id, in_64_bits(after_version), in_64_bits(limit))

    async def read_changes(self, after: str | None, limit: int) -> FeedPage:
        start = position_of(after)
        rows = await self._settled_rows(start, in_64_bits(limit))
        changes = _build(lambda row: change_of_row(row[4:]), rows)
        end = (rows[-1][2], rows[-1][3]) if rows else start
        return FeedPage(tuple(changes), text_of(end))

    async def ping(self) -> None:
        await self._rows(_PING)

    async def close(self) -> None:
        await self._connections.close()

    async def migrate(self) -> tuple[int, int]:
        """Make the tables or bring them up to date, and return the schema's number before and after."""
        return await self._connections.migrate()

    def api_keys(self) -> "ApiKeyStore":
        """Return the API keys that the database keeps beside the orders."""
        from orderkeep.infrastructure.postgres_repo.api_keys import PostgresApiKeys  # here: most processes need none

        return PostgresApiKeys(self._connections)

    async def _save_one(self, commit: Commit) -> None:
        statement, parameters = write_of(commit)
        if not await self._connections.rows(statement, *parameters):
            raise ConcurrentUpdate(commit.order.id)

    async def _save_all(self, commits: list[Commit]) -> None:
        # In the order of their ids, so that two saves of the same orders wait for each other and never in a circle.
        placed = sorted(enumerate(commits), key=lambda item: item[1].order.id)
        async with self._connections.transaction() as connection:
            for place, commit in placed:
                statement, parameters = write_of(commit, place)
                if not await connection.fetch(statement, *parameters):
                    raise ConcurrentUpdate(commit.order.id)

    async def _settled_rows(self, start: Position, limit: int) -> list[Row]:
        """Return the rows behind the position. What was committed before the call is waited for, for a while, where
        an older transaction still runs: so a reader that is alone finds what was just saved.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + FEED_PATIENCE_SECONDS
        pause, newest = SHORTEST_PAUSE, None
        while True:
            rows = await self._rows(READ_CHANGES, *start, limit)
            if not rows:
                raise StoreUnusable(UNREADABLE)  # the one row of the feed's beginning is gone
            edge, visible = rows[0][:2]
            newest = newest or visible
            found = [row for row in rows if row[2] is not None]
            if len(found) >= limit or newest is None or newest < edge or clock() >= deadline:
                return found
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _one(self, build: Callable[[Row], _Built], query: str, *parameters: Any) -> _Built | None:
        found = await self._all(build, query, *parameters)
        return found[0] if found else None

    async def _all(self, build: Callable[[Row], _Built], query: str, *parameters: Any) -> list[_Built]:
        return _build(build, await self._rows(query, *parameters))

    async def _rows(self, query: str, *parameters: Any) -> list[Row]:
        with in_our_words():
            try:
                return await self._connections.rows(query, *parameters)
            except asyncpg.PostgresError as error:
                if is_no_text(error):
                    return []  # no text that is kept holds a NUL or half a surrogate pair
                raise


def _build(build: Callable[[Row], _Built], rows: list[Row]) -> list[_Built]:
    try:
        return [build(row) for row in rows]
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise StoreUnusable(UNREADABLE) from error
