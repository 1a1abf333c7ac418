"""The PostgreSQL store, with a pool of connections. The table is created when the store is first used."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import MAXYEAR, UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.ports import ListPosition, SampleItemStore
from sample_service.application.webhooks.ports import Outbox, Unsent  # with: webhooks
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import ConcurrentUpdate, StoreUnavailable, StoreUnusable
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.infrastructure.serialization import next_document, sample_item_of

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('sample_service schema', 0))"
SCHEMA = """
    CREATE TABLE IF NOT EXISTS sample_items (
        id         text COLLATE "C" PRIMARY KEY,
        version    integer          NOT NULL,
        status     text             NOT NULL,
        created_at timestamptz      NOT NULL,
        document   json             NOT NULL
    );
    CREATE INDEX IF NOT EXISTS sample_items_by_time ON sample_items (created_at, id);
    CREATE INDEX IF NOT EXISTS sample_items_by_status ON sample_items (status, created_at, id);
"""
INSERT = """
    INSERT INTO sample_items (id, version, status, created_at, document) VALUES ($1, 1, $2, $3, $4)
    ON CONFLICT (id) DO NOTHING
"""
UPDATE = """
    UPDATE sample_items SET version = version + 1, status = $1, document = $2 WHERE id = $3 AND version = $4
"""
SELECT = "SELECT document::text FROM sample_items WHERE id = $1"
LIST = """
    SELECT document::text FROM sample_items WHERE (created_at, id) < ($1, $2)
    ORDER BY created_at DESC, id DESC LIMIT $3
"""
LIST_BY_STATUS = """
    SELECT document::text FROM sample_items WHERE status = $4 AND (created_at, id) < ($1, $2)
    ORDER BY created_at DESC, id DESC LIMIT $3
"""
# with: webhooks:
OUTBOX = """
    CREATE TABLE IF NOT EXISTS outbox (
        id       text COLLATE "C" NOT NULL,
        version  integer          NOT NULL,
        attempts integer          NOT NULL,
        due_at   timestamptz      NOT NULL,
        document json             NOT NULL,
        PRIMARY KEY (id, version)
    );
    CREATE INDEX IF NOT EXISTS outbox_by_time ON outbox (due_at, id);
"""
AND_TO_OUTBOX = """
    WITH saved AS ({save} RETURNING id, version, document)
    INSERT INTO outbox (id, version, attempts, due_at, document)
    SELECT id, version, 0, (document->>'updated_at')::timestamptz, document FROM saved
"""
INSERT, UPDATE = AND_TO_OUTBOX.format(save=INSERT), AND_TO_OUTBOX.format(save=UPDATE)
FIRST_UNSENT = """
    SELECT document::text, attempts FROM outbox AS first
    WHERE due_at <= $1 AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier WHERE earlier.id = first.id AND earlier.version < first.version
    )
    ORDER BY due_at, id LIMIT $2
"""
TAKE = """
    UPDATE outbox SET attempts = attempts + 1, due_at = $1 WHERE id = $2 AND version = $3 AND attempts = $4 RETURNING 1
"""
REMOVE = "DELETE FROM outbox WHERE id = $1 AND version = $2"
# end

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0
MOST_CONNECTIONS = 10

_LAST = (datetime(MAXYEAR, 12, 31, tzinfo=UTC), "")
"""Sorts after every time."""

_UNUSABLE = {
    "28": "PostgreSQL rejected the user name or password: check the URL and pg_hba.conf",
    "3D": "the database does not exist: create it with createdb, or correct its name in the URL",
    "42": "tables or columns are missing, or this user lacks privileges on them: correct them",
}
"""By the class of the SQLSTATE: what an operator must fix."""


class PostgresSampleItemRepository(SampleItemStore, Outbox):  # with: webhooks: , Outbox
    """Stores sample items in a database that any number of processes use."""

    def __init__(self, url: str) -> None:
        self._url, self._closed = url, False
        self._pool: Any = None
        self._opening = asyncio.Lock()

    @classmethod
    def of_url(cls, url: str) -> "PostgresSampleItemRepository":
        """Return the store of a URL such as `postgresql://user@host/database`. Raises `InvalidStoreURL`."""
        parts = urlsplit(url)
        if parts.fragment or not parts.path.strip("/"):
            raise InvalidStoreURL("the URL of a PostgreSQL store is like postgresql://user@host/database")
        return cls(url)

    async def get_by_id(self, sample_item_id: str) -> SampleItem | None:
        try:
            sample_item_id.encode()
        except UnicodeEncodeError:
            return None  # half a surrogate pair: no stored text contains one
        rows = await self._rows(SELECT, sample_item_id.replace("\0", "\ufffd"))
        return sample_item_of(rows[0][0]) if rows else None

    async def save(self, sample_item: SampleItem) -> None:
        id, status, document = sample_item.id, sample_item.status, next_document(sample_item)
        with _errors_translated():
            pool = await self._open()
            if sample_item.version:
                done = await pool.execute(UPDATE, status, document, id, sample_item.version)
            else:
                done = await pool.execute(INSERT, id, status, sample_item.created_at, document)
        if not done.endswith(" 1"):
            raise ConcurrentUpdate(id)
        sample_item.version += 1

    async def list_page(
        self,
        status: SampleItemStatus | None,
        after: ListPosition | None,
        limit: int,
    ) -> list[SampleItem]:
        end = _LAST if after is None else (after.created_at, after.id)
        if status is None:
            rows = await self._rows(LIST, *end, limit)
        else:
            rows = await self._rows(LIST_BY_STATUS, *end, limit, status)
        return [sample_item_of(document) for (document,) in rows]

    # with: webhooks:
    async def first_unsent(self, now: datetime, limit: int) -> list[Unsent]:
        rows = await self._rows(FIRST_UNSENT, now, limit)
        return [Unsent(sample_item_of(document), attempts) for document, attempts in rows]

    async def take(self, unsent: Unsent, due_at: datetime) -> bool:
        sample_item, attempts = unsent.sample_item, unsent.attempts
        return bool(await self._rows(TAKE, due_at, sample_item.id, sample_item.version, attempts))

    async def remove(self, unsent: Unsent) -> None:
        await self._rows(REMOVE, unsent.sample_item.id, unsent.sample_item.version)

    # end
    async def ping(self) -> None:
        await self._rows("SELECT 1")

    async def close(self) -> None:
        self._closed = True
        if self._pool is not None:
            await self._pool.close()

    async def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        with _errors_translated():
            rows: list[Any] = await (await self._open()).fetch(statement, *parameters)
        return rows

    async def _open(self) -> Any:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        async with self._opening:
            if self._pool is None:
                pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=MOST_CONNECTIONS,
                    timeout=CONNECT_SECONDS,
                    command_timeout=COMMAND_SECONDS,
                )
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute(LOCK)
                    await connection.execute(SCHEMA)
                    await connection.execute(OUTBOX)  # with: webhooks
                self._pool = pool
        return self._pool


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Raise `StoreUnavailable` for any error of the driver."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        state = getattr(error, "sqlstate", None) or ""
        if state[:2] in _UNUSABLE:
            raise StoreUnusable(f"{_UNUSABLE[state[:2]]} ({state})") from error
        reason = "PostgreSQL cannot be used: check that it is running, and see its log"
        raise StoreUnavailable(f"{reason} ({state or type(error).__name__})") from error
