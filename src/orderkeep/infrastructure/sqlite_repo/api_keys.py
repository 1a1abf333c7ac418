"""API keys, in a table of their own: written by the thread that writes the orders, read as they are."""

from datetime import datetime
from typing import Any

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.ports import ListPosition
from orderkeep.domain.exceptions import ConcurrentUpdate
from orderkeep.infrastructure.api_key_records import COLUMNS, api_key_of, record_of
from orderkeep.infrastructure.sqlite_repo.connections import Readers
from orderkeep.infrastructure.sqlite_repo.rows import Row, Write, instant, microseconds
from orderkeep.infrastructure.sqlite_repo.writer import CommitWriter

_NAMES = ", ".join(COLUMNS)
_ADD = f"""
    INSERT INTO api_keys ({_NAMES}) VALUES ({", ".join("?" for _ in COLUMNS)}) ON CONFLICT (id) DO NOTHING
"""  # noqa: S608  # nothing in these comes from outside
_GET = f"SELECT {_NAMES} FROM api_keys WHERE id = ?"  # noqa: S608
_LIST = f"SELECT {_NAMES} FROM api_keys ORDER BY created_at DESC, id DESC LIMIT ?"  # noqa: S608
_LIST_BEHIND = f"""
    SELECT {_NAMES} FROM api_keys WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?
"""  # noqa: S608
_REVOKE = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
_NOTE_USE = "UPDATE api_keys SET last_used_at = ?1 WHERE id = ?2 AND coalesce(last_used_at < ?1, true)"


class SqliteApiKeys(ApiKeyStore):
    """The API keys of a file that is open."""

    def __init__(self, writer: CommitWriter, readers: Readers) -> None:
        self._writer, self._readers = writer, readers

    async def add(self, key: ApiKey) -> bool:
        return await self._changes_a_row(key.id, _ADD, *record_of(key, microseconds).values())

    async def get(self, key_id: str) -> ApiKey | None:
        found = self._all(_GET, key_id)
        return found[0] if found else None

    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        if after is None:
            return self._all(_LIST, limit)
        return self._all(_LIST_BEHIND, microseconds(after.created_at), after.id, limit)

    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        if not await self._changes_a_row(key_id, _REVOKE, microseconds(at), key_id):
            return None
        return await self.get(key_id)

    async def note_use(self, key_id: str, at: datetime) -> None:
        await self._changes_a_row(key_id, _NOTE_USE, microseconds(at), key_id)

    async def _changes_a_row(self, key_id: str, statement: str, *parameters: Any) -> bool:
        try:
            await self._writer.save([Write(key_id, statement, parameters)])
        except ConcurrentUpdate:  # as the writer says that no row was written
            return False
        return True

    def _all(self, query: str, *parameters: Any) -> list[ApiKey]:
        return [_key_of(row) for row in self._readers.rows(query, parameters)]


def _key_of(row: Row) -> ApiKey:
    return api_key_of(dict(zip(COLUMNS, row, strict=True)), instant)
