"""The PostgreSQL store: every read and every save of one order is one statement on a pool of connections."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import PAGE_BYTES, StoreAccess
from orderkeep.application.records import Record, RecordStore
from orderkeep.application.store_copy import Fence
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo import fence
from orderkeep.infrastructure.postgres_repo.connections import VERSION, Connections, newest_schema
from orderkeep.infrastructure.postgres_repo.errors import NO_PRIVILEGE, READ_ONLY, in_our_words, is_no_text, is_race
from orderkeep.infrastructure.postgres_repo.queries import (
    BEGINNING_OF_FEED,
    CHECK_WRITABLE,
    LISTS,
    LOCK_FEED,
    LOCK_RECORDS,
    NUMBER_CHANGES,
    NUMBER_OF_POSITIONS,
    POSITION_OF_CHANGE,
    POSITIONS,
    POSTGRES,
    PURGE,
    READ_CHANGES,
    READ_UNNUMBERED,
    WRITE_RECORDS,
    write_of,
)
from orderkeep.infrastructure.serialization import UNREADABLE, Commit, page_length
from orderkeep.infrastructure.sql_api_keys import SqlApiKeys
from orderkeep.infrastructure.sql_records import SqlRecords
from orderkeep.infrastructure.sql_store import (
    DOCUMENT_OF_CHANGE,
    LARGEST,
    Fetch,
    Row,
    SqlOrderRepository,
    in_64_bits,
)

POOL_SIZE = 10
FEED_PATIENCE_SECONDS = 1.0
"""How long a page of the feed waits for older transactions to end, before it leaves out the changes they hold back."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.002, 0.05


class PostgresOrderRepository(SqlOrderRepository):
    """Stores orders in the database of a `postgresql://` URL, PostgreSQL 13 or newer. Connects when first used, and
    then checks the tables: `access` and `migrate` decide whether they are created and migrated.

    Any number of processes, threads and event loops may use it, each loop with a pool of `pool_size` connections.
    Raises `ValueError` if the URL has a parameter that is not supported.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = POOL_SIZE,
        migrate: bool = True,
        access: StoreAccess = StoreAccess.CREATE,
    ) -> None:
        super().__init__(POSTGRES, LISTS)
        self._connections = Connections(url, pool_size, migrate=migrate, access=access)

    async def _feed_rows(self, after: int, limit: int) -> Sequence[Row]:
        if not 0 <= after <= LARGEST:
            raise InvalidCursor
        rows = await self._complete_rows(after, in_64_bits(limit))
        return rows[: page_length([len(row[DOCUMENT_OF_CHANGE]) for row in rows], limit)]

    async def _commit(self, commits: Sequence[Commit]) -> None:
        with in_our_words():
            try:
                await self._write_all(commits)
            except asyncpg.PostgresError as error:
                if not is_race(error):
                    raise
                raise ConcurrentUpdate(commits[0].order.id) from error

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        while rows := await self._rows(POSITION_OF_CHANGE, order_id, in_64_bits(version)):
            is_complete, position = rows[0]
            if position is not None or not is_complete:
                return None if position is None else int(position)
            await self._number_changes()
        return None

    async def find_damage(self) -> Sequence[str]:
        rows = await self._rows(BEGINNING_OF_FEED)
        damage = [] if [row[0] for row in rows] == [True] else ["the table feed is not as orderkeep wrote it"]
        if not await self._are_positions_intact():
            damage.append("the table feed_positions differs from the changes")
        return damage

    async def purge(self) -> None:
        """Free the space of erased rows. PostgreSQL overwrites it when it uses it again."""
        with in_our_words():
            await self._connections.run_alone(PURGE)

    async def fence(self, state: Fence = Fence.MOVED, owner: str = "") -> Fence | None:
        before = await self._change_fence(fence.fencing(state, owner))
        return before[0] if before else None

    async def lift_fence(self, owner: str = "") -> bool:
        before = await self._change_fence([fence.LIFT], owner)
        return before is None or before[1] == owner

    async def is_fenced_by(self, owner: str) -> bool:
        found = await self._fence()
        return found is not None and found[1] == owner

    async def fenced(self) -> Fence | None:
        found = await self._fence()
        return found[0] if found else None

    async def _fence(self) -> tuple[Fence, str] | None:
        [(comment,)] = await self._rows(fence.STATE)
        return fence.state_and_owner(comment)

    async def count_changes(self) -> int:
        [(count,)] = await self._rows(fence.COUNT_CHANGES)
        return int(count)

    async def ping(self) -> None:
        [(read_only, may_write)] = await self._rows(CHECK_WRITABLE)
        if read_only:
            raise StoreUnavailable(READ_ONLY)
        if not may_write:
            raise StoreUnusable(NO_PRIVILEGE)

    async def close(self) -> None:
        await self._connections.close()

    async def migrate(self) -> tuple[int, int]:
        """Create or migrate the tables, and return the schema's number before and after."""
        return await self._connections.migrate()

    async def schema(self) -> tuple[int, int]:
        """Return the schema's number now, which a newer version may have changed, and the one that this code has."""
        [(version,)] = await self._rows(VERSION)
        return version, newest_schema()

    def api_keys(self) -> ApiKeyStore:
        return SqlApiKeys(POSTGRES, self._rows, self._write)

    def records(self) -> RecordStore:
        return PostgresRecords(self._connections, self._rows, self._page_rows)

    async def _change_fence(self, statements: Sequence[str], of: str | None = None) -> tuple[Fence, str] | None:
        """Run the statements, unless the fence has another owner than `of`. Return what it was before."""
        with in_our_words():
            for attempt in range(1, fence.ATTEMPTS + 1):
                try:
                    async with self._connections.transaction() as connection:
                        await connection.execute(f"SET LOCAL lock_timeout = '{fence.LOCK_SECONDS}s'")
                        await connection.execute(fence.LOCK)
                        before = fence.state_and_owner(await connection.fetchval(fence.STATE))
                        if of is None or before is None or before[1] == of:
                            for statement in statements:
                                await connection.execute(statement)
                    return before
                except asyncpg.PostgresError as error:
                    if error.sqlstate not in fence.LOCKED or attempt == fence.ATTEMPTS:
                        raise
                await asyncio.sleep(LONGEST_PAUSE)
        raise AssertionError("unreachable")

    async def _page_rows(self, document: int, statement: str, *parameters: Any) -> Sequence[Row]:  # noqa: ARG002
        return await self._rows(statement, *parameters)  # which ends the page

    async def _write(self, _: str, statement: str, *parameters: Any) -> bool:
        return bool(await self._rows(f"{statement} RETURNING id", *parameters))

    async def _write_all(self, commits: Sequence[Commit]) -> None:
        if len(commits) == 1:
            statement, parameters = write_of(commits[0])
            if not await self._connections.rows(statement, *parameters):
                raise ConcurrentUpdate(commits[0].order.id)
            return
        # In the order of their ids, so that two saves of the same orders cannot deadlock.
        placed = sorted(enumerate(commits), key=lambda item: item[1].order.id)
        async with self._connections.transaction() as connection:
            for place, commit in placed:
                statement, parameters = write_of(commit, place)
                if not await connection.fetch(statement, *parameters):
                    raise ConcurrentUpdate(commit.order.id)

    async def _complete_rows(self, after: int, limit: int) -> Sequence[Row]:
        """Return the rows after the position. Waits for a while for what was committed before the call, if an older
        transaction is still running, so that a single reader finds what was just saved. Raises `InvalidCursor`.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + FEED_PATIENCE_SECONDS
        pause, newest = SHORTEST_PAUSE, None
        while True:
            rows = await self._rows(READ_CHANGES, after, limit)
            if not rows:
                raise StoreUnusable(UNREADABLE)  # the row of the feed's beginning was deleted
            edge, visible, last, last_tx, has_more, is_read_only = rows[0][:6]
            newest = newest or visible
            numbers = [row[6] for row in rows if row[6] is not None]
            if numbers != [*range(after + 1, after + 1 + len(numbers))]:
                raise StoreUnusable(UNREADABLE)  # a position was deleted
            found = [row[7:] for row in rows if row[6] is not None]
            if has_more and is_read_only and not found:
                found, last = await self._unnumbered_rows(after, limit)
            is_full = len(found) >= limit or sum(len(row[DOCUMENT_OF_CHANGE]) for row in found) > PAGE_BYTES
            if has_more and not is_read_only and not is_full and last_tx <= newest:
                await self._number_changes()
            elif is_full or newest is None or newest < edge or clock() >= deadline:
                if not found and after > last:
                    raise InvalidCursor
                return found
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _unnumbered_rows(self, after: int, limit: int) -> tuple[list[Row], int]:
        """Return the rows after the position that have none yet, and the lower of the last position and this one."""
        rows = await self._rows(READ_UNNUMBERED, after, limit)
        return [row[2:] for row in rows if row[2] is not None], rows[0][0] + rows[0][1]

    async def _number_changes(self) -> None:
        """Assign the next positions, after the readers that are doing it."""
        with in_our_words():
            async with self._connections.transaction(isolation="read_committed") as connection:
                await connection.execute(LOCK_FEED)
                await connection.execute(NUMBER_CHANGES)

    async def _are_positions_intact(self) -> bool:
        """Return whether the changes have the positions 1, 2, 3 and so on up to one of them, and no other exists."""
        count, rows = 0, await self._rows(POSITIONS, 0, 0)
        while rows:
            positions = [row[2] for row in rows]
            numbered = [position for position in positions if position is not None]
            if positions[: len(numbered)] != [*range(count + 1, count + 1 + len(numbered))]:
                return False
            count += len(numbered)
            rows = await self._rows(POSITIONS, *rows[-1][:2]) if len(numbered) == len(rows) else []
        [(number, last)] = await self._rows(NUMBER_OF_POSITIONS)
        return bool(count == number == last)

    async def _rows(self, statement: str, *parameters: Any) -> Sequence[Row]:
        with in_our_words():
            try:
                return await self._connections.rows(statement, *parameters)
            except asyncpg.PostgresError as error:
                if is_no_text(error):
                    return []  # no stored text contains a NUL or half a surrogate pair
                raise


class PostgresRecords(SqlRecords):
    """The records in the database. One is written with one statement, several in a transaction."""

    def __init__(self, connections: Connections, fetch: Fetch, fetch_page: Fetch) -> None:
        super().__init__(POSTGRES, fetch, fetch_page)
        self._connections = connections

    async def _write(self, records: Sequence[Record], deleted: Sequence[Record]) -> None:
        contents = [*((record, record.content) for record in records), *((record, None) for record in deleted)]
        rows = [(record.kind, record.id, record.version, content) for record, content in contents]
        parameters = [*map(list, zip(*rows, strict=True))]
        with in_our_words():
            if len(rows) == 1:
                [(written,)] = await self._connections.rows(WRITE_RECORDS, *parameters)
                if not written:
                    raise ConcurrentUpdate(rows[0][1])
                return
            async with self._connections.transaction(isolation="read_committed") as connection:
                await connection.execute(LOCK_RECORDS, *parameters)
                if await connection.fetchval(WRITE_RECORDS, *parameters) < len(rows):
                    raise ConcurrentUpdate(rows[0][1])
