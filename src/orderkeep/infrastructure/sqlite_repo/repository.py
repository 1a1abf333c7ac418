"""The SQLite store: reads run on the event loop, from read-only connections; one thread writes."""

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from itertools import compress
from typing import Any

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import StoreAccess
from orderkeep.application.records import Record, RecordStore
from orderkeep.application.store_copy import Fence
from orderkeep.domain.entities import Order
from orderkeep.infrastructure.serialization import Commit, commit_of, mark_saved, page_length
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
from orderkeep.infrastructure.sqlite_repo import fence
from orderkeep.infrastructure.sqlite_repo.connections import OrdersFile, Readers
from orderkeep.infrastructure.sqlite_repo.queries import (
    LAST_POSITION,
    LISTS,
    PING,
    POSITION_OF_CHANGE,
    PROBE,
    READ_CHANGES,
    SQLITE,
    Write,
    deletion_of,
    write_of,
    write_of_record,
)
from orderkeep.infrastructure.sqlite_repo.writer import MOST_SAVES, CommitWriter


class SqliteOrderRepository(SqlOrderRepository):
    """Stores orders in one file. Several processes may use it concurrently.

    Raises `StoreUnavailable` if the file cannot be opened, or its `StoreUnusable` if an operator must fix something
    first: the path, the permissions, a file that is not ours, newer or damaged. Without `migrate`, a file that is older
    or does not exist is rejected too.
    """

    saves_at_once = MOST_SAVES

    def __init__(
        self, path: str | os.PathLike[str], *, migrate: bool = True, access: StoreAccess = StoreAccess.CREATE
    ) -> None:
        super().__init__(SQLITE, LISTS)
        self._file = OrdersFile(path, migrate=migrate, access=access)
        connection = self._file.open()
        close = partial(self._file.close, connection)
        self._writer = CommitWriter(
            connection, self._file.path, self._file.check_writable, close, opens_fence=access is StoreAccess.MOVE
        )
        self._readers = Readers(self._file)

    async def save_each(self, orders: Sequence[Order]) -> list[bool]:
        commits = [commit_of(order) for order in orders]
        rejections = await self._writer.save(*([write_of(commit)] for commit in commits))
        saved = [rejection is None for rejection in rejections]
        mark_saved(compress(orders, saved), compress(commits, saved))
        return saved

    async def _feed_rows(self, after: int, limit: int) -> Sequence[Row]:
        if not 0 <= after <= LARGEST:
            raise InvalidCursor
        rows = self._readers.rows(READ_CHANGES, (after, in_64_bits(limit)), DOCUMENT_OF_CHANGE)
        if not rows and after > self._readers.rows(LAST_POSITION, ())[0][0]:
            raise InvalidCursor  # the file is older than the cursor: a restored backup, for example
        return rows[: page_length([len(row[DOCUMENT_OF_CHANGE]) for row in rows], limit)]

    async def _commit(self, commits: Sequence[Commit]) -> None:
        [rejection] = await self._writer.save([write_of(commit) for commit in commits])
        if rejection is not None:
            raise rejection

    async def position_of_change(self, order_id: str, version: int) -> int | None:
        rows = self._readers.rows(POSITION_OF_CHANGE, (order_id, in_64_bits(version)))
        return rows[0][0] if rows else None

    async def find_damage(self) -> Sequence[str]:
        """Let SQLite compare every index with its table, and check every page of the file."""
        return [str(text) for (text,) in self._readers.rows("PRAGMA integrity_check(20)", ()) if text != "ok"]

    async def purge(self) -> None:
        """Empty the log, which contains earlier states of the pages. In the file itself they are overwritten."""
        await asyncio.to_thread(self._file.empty_log)

    async def fence(self, state: Fence = Fence.MOVED, owner: str = "") -> Fence | None:
        return await asyncio.to_thread(self._file.run_alone, partial(fence.put_up, state=state, owner=owner))

    async def lift_fence(self, owner: str = "") -> bool:
        return await asyncio.to_thread(self._file.run_alone, partial(fence.lift, owner=owner))

    async def is_fenced_by(self, owner: str) -> bool:
        return any(found == owner for _, found in self._fence_rows())

    async def fenced(self) -> Fence | None:
        return next((Fence(state) for state, _ in self._fence_rows()), None)

    def _fence_rows(self) -> Sequence[Row]:
        return self._readers.rows(fence.STATE, ()) if self._readers.rows(fence.EXISTS, ()) else ()

    async def count_changes(self) -> int:
        return int(self._readers.rows(LAST_POSITION, ())[0][0])

    async def ping(self) -> None:
        if self._writer.failed or self._file.may_be_unwritable():
            await self._write("", PROBE)
        self._readers.rows(PING, ())

    async def close(self) -> None:
        self._readers.close()
        await self._writer.close()

    async def migrate(self) -> tuple[int, int]:
        """Return the schema's number before the file was opened and migrated, and after."""
        return self._file.migrated

    async def schema(self) -> tuple[int, int]:
        """Return the schema's number now, which a newer version may have changed, and the one that this code has."""
        return self._readers.rows("PRAGMA user_version", ())[0][0], self._file.migrated[1]

    def api_keys(self) -> ApiKeyStore:
        """Return the API keys in the file."""
        return SqlApiKeys(SQLITE, self._rows, self._write)

    def records(self) -> RecordStore:
        return SqliteRecords(self._writer, self._rows, self._page_rows)

    async def _rows(self, statement: str, *parameters: Any) -> Sequence[Row]:
        return self._readers.rows(statement, parameters)

    async def _page_rows(self, document: int, statement: str, *parameters: Any) -> Sequence[Row]:
        return self._readers.rows(statement, parameters, document)

    async def _write(self, key_id: str, statement: str, *parameters: Any) -> bool:
        [rejection] = await self._writer.save([Write(key_id, statement, parameters)])
        return rejection is None  # or no row was changed


class SqliteRecords(SqlRecords):
    """The records in the file. A write shares the fsync of the saves that are pending with it."""

    def __init__(self, writer: CommitWriter, fetch: Fetch, fetch_page: Fetch) -> None:
        super().__init__(SQLITE, fetch, fetch_page)
        self._writer = writer

    async def _write(self, records: Sequence[Record], deleted: Sequence[Record]) -> None:
        [rejection] = await self._writer.save([*map(write_of_record, records), *map(deletion_of, deleted)])
        if rejection is not None:
            raise rejection
