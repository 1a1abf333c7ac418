"""The SQLite store: reads run on the event loop, from read-only connections; one thread writes."""

import os
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from sample_service.application.errors import InvalidStoreURL
from sample_service.application.ports import ListPosition, SampleItemStore
from sample_service.application.webhooks.ports import Outbox, Unsent  # with: webhooks
from sample_service.domain.entities import SampleItem
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.infrastructure.serialization import next_document, sample_item_of
from sample_service.infrastructure.sqlite_repo.connections import Readers, SampleItemsFile
from sample_service.infrastructure.sqlite_repo.writer import CommitWriter, Write

INSERT = """
    INSERT INTO sample_items (id, version, status, created_at, document) VALUES (?, 1, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING
"""
UPDATE = "UPDATE sample_items SET version = version + 1, status = ?, document = ? WHERE id = ? AND version = ?"
SELECT = "SELECT document FROM sample_items WHERE id = ?"
LIST = """
    SELECT document FROM sample_items WHERE (created_at, id) < (?, ?)
    ORDER BY created_at DESC, id DESC LIMIT ?
"""
LIST_BY_STATUS = """
    SELECT document FROM sample_items WHERE status = ? AND (created_at, id) < (?, ?)
    ORDER BY created_at DESC, id DESC LIMIT ?
"""
# with: webhooks:
TO_OUTBOX = "INSERT INTO outbox (id, version, attempts, due_at, document) VALUES (?, ?, 0, ?, ?)"
FIRST_UNSENT = """
    SELECT document, attempts FROM outbox AS first
    WHERE due_at <= ? AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier WHERE earlier.id = first.id AND earlier.version < first.version
    )
    ORDER BY due_at, id LIMIT ?
"""
TAKE = "UPDATE outbox SET attempts = attempts + 1, due_at = ? WHERE id = ? AND version = ? AND attempts = ?"
REMOVE = "DELETE FROM outbox WHERE id = ? AND version = ?"
# end
PING = "SELECT 1 FROM sample_items LIMIT 1"

_LAST = ("~", "")
"""Sorts after every time."""


class SqliteSampleItemRepository(SampleItemStore, Outbox):  # with: webhooks: , Outbox
    """Stores sample items in one file. Several processes may use it concurrently.

    Raises `StoreUnavailable` if the file cannot be opened, or its `StoreUnusable` if an operator must fix it first.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = SampleItemsFile(path)
        connection = self._file.open()
        self._writer = CommitWriter(connection, self._file.path, self._file.check_writable, connection.close)
        self._readers = Readers(self._file)

    @classmethod
    def of_url(cls, url: str) -> "SqliteSampleItemRepository":
        """Open the file of a URL such as `sqlite:///sample_service.db`. Raises `InvalidStoreURL`."""
        parts = urlsplit(url)
        path = unquote(parts.path.removeprefix("/"))
        if parts.netloc or parts.query or parts.fragment or not path:
            raise InvalidStoreURL("the URL of a SQLite store is a file name, such as sqlite:///sample_service.db")
        return cls(path)

    async def get_by_id(self, sample_item_id: str) -> SampleItem | None:
        rows = self._readers.rows(SELECT, (sample_item_id,))
        return sample_item_of(rows[0][0]) if rows else None

    async def save(self, sample_item: SampleItem) -> None:
        writes = [_write_of(sample_item)]
        writes.append(_outbox_write_of(sample_item))  # with: webhooks
        [rejection] = await self._writer.save(writes)
        if rejection is not None:
            raise rejection
        sample_item.version += 1

    async def list_page(
        self,
        status: SampleItemStatus | None,
        after: ListPosition | None,
        limit: int,
    ) -> list[SampleItem]:
        end = _LAST if after is None else (_sortable(after.created_at), after.id)
        if status is None:
            rows = self._readers.rows(LIST, (*end, limit))
        else:
            rows = self._readers.rows(LIST_BY_STATUS, (status, *end, limit))
        return [sample_item_of(document) for (document,) in rows]

    # with: webhooks:
    async def first_unsent(self, now: datetime, limit: int) -> list[Unsent]:
        rows = self._readers.rows(FIRST_UNSENT, (_sortable(now), limit))
        return [Unsent(sample_item_of(document), attempts) for document, attempts in rows]

    async def take(self, unsent: Unsent, due_at: datetime) -> bool:
        id, version = unsent.sample_item.id, unsent.sample_item.version
        [conflict] = await self._writer.save([Write(id, TAKE, (_sortable(due_at), id, version, unsent.attempts))])
        return conflict is None

    async def remove(self, unsent: Unsent) -> None:
        id, version = unsent.sample_item.id, unsent.sample_item.version
        await self._writer.save([Write(id, REMOVE, (id, version))])

    # end
    async def ping(self) -> None:
        self._file.check_writable()
        self._readers.rows(PING, ())

    async def close(self) -> None:
        self._readers.close()
        await self._writer.close()


def _write_of(sample_item: SampleItem) -> Write:
    id, status, document = sample_item.id, sample_item.status, next_document(sample_item)
    if not sample_item.version:
        return Write(id, INSERT, (id, status, _sortable(sample_item.created_at), document))
    return Write(id, UPDATE, (status, document, id, sample_item.version))


# with: webhooks:
def _outbox_write_of(sample_item: SampleItem) -> Write:
    id, document = sample_item.id, next_document(sample_item)
    return Write(id, TO_OUTBOX, (id, sample_item.version + 1, _sortable(sample_item.updated_at), document))


# end
def _sortable(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
