"""Create an API key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.access.api_keys import (
    MAX_KEY_NAME_LENGTH,
    ApiKey,
    ApiKeyStore,
    Randomness,
    digest_of_key,
    id_of_key,
    make_key,
)
from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import ExpiryPassed, IdempotencyKeyReused, ScopesMissing, ScopesNotTaken, UnknownScope
from orderkeep.application.ports import Clock, utc_now
from orderkeep.domain.limits import MAX_USER_ID_LENGTH
from orderkeep.domain.value_objects import check_text, in_utc


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """A new key, which cannot be recovered later, and its stored record. `replayed`: an earlier request with the same
    idempotency key has created it, and `key` is empty.
    """

    key: str = field(repr=False)
    kept: ApiKey
    replayed: bool = False


class CreateApiKeyUseCase:
    """Create an API key for staff, with scopes, or for a customer. The key is returned only once."""

    def __init__(
        self, open_keys: Callable[[], ApiKeyStore], clock: Clock = utc_now, randomness: Randomness = os.urandom
    ) -> None:
        self.open_keys, self.clock, self.randomness = open_keys, clock, randomness

    async def execute(
        self,
        name: str,
        *,
        scopes: Iterable[str] = (),
        user_id: str | None = None,
        expires_at: datetime | None = None,
        key: str | None = None,
        actor: Actor = SYSTEM,
    ) -> CreatedApiKey:
        """Return the key: of that customer if `user_id` is given, otherwise of staff with the scopes. Repeated requests
        with the same idempotency key, `key`, create one: its ID is derived from it.

        Raises `NotAllowed`, `InvalidInput`, `IdempotencyKeyReused` and `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        now = self.clock()
        expires_at = None if expires_at is None else in_utc(expires_at)
        check_text(name, "name", MAX_KEY_NAME_LENGTH)
        allowed = _staff_scopes(scopes) if user_id is None else _customer_scopes(scopes, user_id)
        if expires_at is not None and expires_at <= now:
            raise ExpiryPassed("must be in the future", "expires_at")
        once = CommandContext(actor=actor, key=key).attribution(("create_api_key", None)).key
        made = make_key(self.randomness, None if once is None else bytes.fromhex(once))
        kept = ApiKey(
            id=id_of_key(made) or "",
            name=name,
            digest=digest_of_key(made),
            kind=ActorKind.STAFF if user_id is None else ActorKind.CUSTOMER,
            user_id=user_id,
            scopes=allowed,
            created_at=now,
            expires_at=expires_at,
        )
        if await self.open_keys().add(kept):
            return CreatedApiKey(made, kept)
        if once is None:
            raise RuntimeError("the same key was generated twice: the random numbers of this machine are not random")
        return CreatedApiKey("", await self._created_before(kept), replayed=True)

    async def _created_before(self, kept: ApiKey) -> ApiKey:
        """Return the stored key with the ID of a new one. Raises `IdempotencyKeyReused` if it is different."""
        found = await self.open_keys().get(kept.id)
        same = ("name", "user_id", "scopes", "expires_at")
        if found is None or any(getattr(found, name) != getattr(kept, name) for name in same):
            raise IdempotencyKeyReused
        return found


def _staff_scopes(given: Iterable[str]) -> frozenset[Scope]:
    names = list(given)
    if not names:
        known = ", ".join(Scope)
        raise ScopesMissing(
            f"must name at least one scope, unless the key belongs to a customer: use {known}", "scopes"
        )
    for index, name in enumerate(names):
        if name not in tuple(Scope):
            raise UnknownScope(f"must be one of {', '.join(Scope)}", f"scopes/{index}")
    return frozenset(map(Scope, names))


def _customer_scopes(given: Iterable[str], user_id: str) -> frozenset[Scope]:
    check_text(user_id, "user_id", MAX_USER_ID_LENGTH)
    if list(given):
        raise ScopesNotTaken("must be omitted for a customer key: all customers have the same permissions", "scopes")
    return frozenset()
