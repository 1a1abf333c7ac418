"""Make an API key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.errors import ExpiryPassed, ScopesMissing, ScopesNotTaken, UnknownScope
from orderkeep.application.ports import Clock, utc_now
from orderkeep.domain import limits
from orderkeep.domain.validation import check_text
from orderkeep.domain.value_objects import in_utc

if TYPE_CHECKING:
    from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore, Randomness


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """A key, which nobody can look up again, and what is kept of it."""

    key: str = field(repr=False)
    kept: ApiKey


class CreateApiKeyUseCase:
    """Make an API key: for staff, with scopes, or for a customer. It is shown this once."""

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
        actor: Actor = SYSTEM,
    ) -> CreatedApiKey:
        """Return the key. With a `user_id` it is that customer's, else staff's, who may do what the scopes say.

        Raises `NotAllowed`, `InvalidOrder` (which `field` says) and `StoreUnavailable`.
        """
        from orderkeep.application.access.api_keys import (  # where it is needed
            ApiKey,
            digest_of_key,
            id_of_key,
            make_key,
        )

        actor.require(Scope.ADMIN)
        now = self.clock()
        check_text(name, "name", limits.MAX_KEY_NAME_LENGTH)
        key = make_key(self.randomness)
        kept = ApiKey(
            id=id_of_key(key) or "",
            name=name,
            digest=digest_of_key(key),
            kind=ActorKind.STAFF if user_id is None else ActorKind.CUSTOMER,
            user_id=user_id,
            scopes=_scopes_of_staff(scopes) if user_id is None else _no_scopes_of_customer(scopes, user_id),
            created_at=now,
            expires_at=None if expires_at is None else _still_to_come(in_utc(expires_at), now),
        )
        if not await self.open_keys().add(kept):
            raise RuntimeError("the same key was made twice: this machine's randomness is none, make no keys with it")
        return CreatedApiKey(key, kept)


def _scopes_of_staff(given: Iterable[str]) -> frozenset[Scope]:
    names = list(given)
    if not names:
        raise ScopesMissing("must hold one at least, unless the key is a customer's", "scopes")
    for index, name in enumerate(names):
        if name not in tuple(Scope):
            raise UnknownScope(f"must be one of {', '.join(Scope)}", f"scopes/{index}")
    return frozenset(map(Scope, names))


def _no_scopes_of_customer(given: Iterable[str], user_id: str) -> frozenset[Scope]:
    check_text(user_id, "user_id", limits.MAX_USER_ID_LENGTH)
    if list(given):
        raise ScopesNotTaken(
            "must be left out of a customer's key: what customers may do is the same for all", "scopes"
        )
    return frozenset()


def _still_to_come(moment: datetime, now: datetime) -> datetime:
    if moment <= now:
        raise ExpiryPassed("must be an instant that is still to come", "expires_at")
    return moment
