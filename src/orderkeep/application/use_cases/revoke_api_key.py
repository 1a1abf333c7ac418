"""Revoke an API key."""

from __future__ import annotations

from collections.abc import Callable

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore, id_in
from orderkeep.application.errors import ApiKeyNotFound
from orderkeep.application.ports import Clock, utc_now


class RevokeApiKeyUseCase:
    """Revoke an API key permanently: it is rejected everywhere within seconds."""

    def __init__(self, open_keys: Callable[[], ApiKeyStore], clock: Clock = utc_now) -> None:
        self.open_keys, self.clock = open_keys, clock

    async def execute(self, key_id: str, actor: Actor = SYSTEM) -> ApiKey:
        """Return the revoked key. `key_id` may also be the whole key, as found in a leak. A second revocation does not
        change the time of the first. Raises `NotAllowed`, `ApiKeyNotFound`, `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        found = id_in(key_id)
        revoked = None if found is None else await self.open_keys().revoke(found, self.clock())
        if revoked is None:
            raise ApiKeyNotFound
        return revoked
