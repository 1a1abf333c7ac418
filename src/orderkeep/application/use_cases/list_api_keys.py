"""List API keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore, id_in
from orderkeep.application.cursors import list_cursor, list_position
from orderkeep.application.errors import InvalidCursor
from orderkeep.application.ports import ListPosition
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, check_limit

_ALL = "api keys"


@dataclass(frozen=True, slots=True)
class ApiKeyPage:
    """A page of keys, newest first, and the cursor of the next page, if any."""

    keys: tuple[ApiKey, ...]
    next_cursor: str | None


class ListApiKeysUseCase:
    """List API keys, newest first, including expired and revoked keys."""

    def __init__(self, open_keys: Callable[[], ApiKeyStore]) -> None:
        self.open_keys = open_keys

    async def execute(
        self, *, limit: int = DEFAULT_PAGE, cursor: str | None = None, actor: Actor = SYSTEM
    ) -> ApiKeyPage:
        """Return a page of 1 to 200 keys. Raises `NotAllowed`, `InvalidQuery`, `InvalidCursor`, `StoreUnavailable`."""
        actor.require(Scope.ADMIN)
        check_limit(limit)
        after = None if cursor is None else list_position(_ALL, cursor)
        if after is not None and id_in(after.id) != after.id:
            raise InvalidCursor
        found = await self.open_keys().list_newest(after, limit + 1)
        page = tuple(found[:limit])
        more = len(found) > limit
        return ApiKeyPage(page, list_cursor(_ALL, ListPosition(page[-1].created_at, page[-1].id)) if more else None)
