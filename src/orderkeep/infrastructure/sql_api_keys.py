"""The API keys of both SQL stores, in a table of their own."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.ports import ListPosition
from orderkeep.infrastructure.serialization import API_KEY_COLUMNS, api_key_of, record_of
from orderkeep.infrastructure.sql_store import END, Dialect, Fetch

_NAMES = ", ".join(API_KEY_COLUMNS)
_VALUES = ", ".join(f"${number}" for number, _ in enumerate(API_KEY_COLUMNS, start=1))
_ADD_KEY = f"INSERT INTO api_keys ({_NAMES}) VALUES ({_VALUES}) ON CONFLICT (id) DO NOTHING"  # noqa: S608
_GET_KEY = f"SELECT {_NAMES} FROM api_keys WHERE id = $1"  # noqa: S608
_LIST_KEYS = f"""
    SELECT {_NAMES} FROM api_keys WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3
"""  # noqa: S608
_REVOKE_KEY = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2"
_NOTE_USE = "UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND coalesce(last_used_at < $1, true)"


class SqlApiKeys(ApiKeyStore):
    """The API keys of a SQL store. `write` runs a statement on one key and returns whether it
    changed a row.
    """

    def __init__(self, dialect: Dialect, fetch: Fetch, write: Callable[..., Awaitable[bool]]) -> None:
        self._dialect, self._fetch, self._write = dialect, fetch, write

    async def add(self, key: ApiKey) -> bool:
        return await self._write(key.id, self._dialect.sql(_ADD_KEY), *record_of(key, self._dialect.stored).values())

    async def get(self, key_id: str) -> ApiKey | None:
        found = await self._keys(_GET_KEY, key_id)
        return found[0] if found else None

    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        end, end_id = END if after is None else (after.created_at, after.id)
        return await self._keys(_LIST_KEYS, self._dialect.stored(end), end_id, limit)

    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        changed = await self._write(key_id, self._dialect.sql(_REVOKE_KEY), self._dialect.stored(at), key_id)
        return await self.get(key_id) if changed else None

    async def note_use(self, key_id: str, at: datetime) -> None:
        await self._write(key_id, self._dialect.sql(_NOTE_USE), self._dialect.stored(at), key_id)

    async def _keys(self, statement: str, *parameters: Any) -> list[ApiKey]:
        rows = await self._fetch(self._dialect.sql(statement), *parameters)
        return [api_key_of(dict(zip(API_KEY_COLUMNS, row, strict=True)), self._dialect.instant) for row in rows]
