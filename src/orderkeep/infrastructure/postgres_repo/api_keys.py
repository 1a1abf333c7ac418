"""API keys, in a table of their own: one statement each."""

from datetime import datetime
from typing import Any

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.ports import ListPosition
from orderkeep.infrastructure.api_key_records import COLUMNS, api_key_of, record_of
from orderkeep.infrastructure.postgres_repo.connections import Connections
from orderkeep.infrastructure.postgres_repo.errors import in_our_words
from orderkeep.infrastructure.postgres_repo.rows import Row, instant

_NAMES = ", ".join(COLUMNS)
_VALUES = ", ".join(f"${place}" for place, _ in enumerate(COLUMNS, start=1))
_ADD = f"INSERT INTO api_keys ({_NAMES}) VALUES ({_VALUES}) ON CONFLICT (id) DO NOTHING RETURNING id"  # noqa: S608
_GET = f"SELECT {_NAMES} FROM api_keys WHERE id = $1"  # noqa: S608  # nothing in these comes from outside
_LIST = f"SELECT {_NAMES} FROM api_keys ORDER BY created_at DESC, id DESC LIMIT $1"  # noqa: S608
_LIST_BEHIND = f"""
    SELECT {_NAMES} FROM api_keys WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3
"""  # noqa: S608
_REVOKE = f"UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2 RETURNING {_NAMES}"  # noqa: S608
_NOTE_USE = "UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND coalesce(last_used_at < $1, true)"


class PostgresApiKeys(ApiKeyStore):
    """The API keys of a database."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, key: ApiKey) -> bool:
        return bool(await self._rows(_ADD, *record_of(key, _as_it_is).values()))

    async def get(self, key_id: str) -> ApiKey | None:
        found = await self._keys(_GET, key_id)
        return found[0] if found else None

    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        if after is None:
            return await self._keys(_LIST, limit)
        return await self._keys(_LIST_BEHIND, after.created_at, after.id, limit)

    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        found = await self._keys(_REVOKE, at, key_id)
        return found[0] if found else None

    async def note_use(self, key_id: str, at: datetime) -> None:
        await self._rows(_NOTE_USE, at, key_id)

    async def _keys(self, statement: str, *parameters: Any) -> list[ApiKey]:
        return [api_key_of(dict(row), instant) for row in await self._rows(statement, *parameters)]

    async def _rows(self, statement: str, *parameters: Any) -> list[Row]:
        with in_our_words():
            return await self._connections.rows(statement, *parameters)


def _as_it_is(moment: datetime) -> datetime:
    return moment
