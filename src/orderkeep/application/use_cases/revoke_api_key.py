"""Revoke an API key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.errors import ApiKeyNotFound
from orderkeep.application.ports import Clock, utc_now

if TYPE_CHECKING:
    from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore


class RevokeApiKeyUseCase:
    """Revoke an API key, for ever: within seconds it is refused everywhere."""

    def __init__(self, open_keys: Callable[[], ApiKeyStore], clock: Clock = utc_now) -> None:
        self.open_keys, self.clock = open_keys, clock

    async def execute(self, key_id: str, actor: Actor = SYSTEM) -> ApiKey:
        """Return the key as it is kept, revoked. It may be given by its id or whole, as somebody found it. One that was
        revoked before stays so from then on. Raises `NotAllowed`, `ApiKeyNotFound`, `StoreUnavailable`.
        """
        from orderkeep.application.access.api_keys import id_in  # where it is needed

        actor.require(Scope.ADMIN)
        found = id_in(key_id)
        revoked = None if found is None else await self.open_keys().revoke(found, self.clock())
        if revoked is None:
            raise ApiKeyNotFound
        return revoked
