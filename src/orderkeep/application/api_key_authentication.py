"""Who asks, told by an API key."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from hmac import compare_digest

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.api_key_authenticator import Known, KnownApiKeys
from orderkeep.application.access.api_keys import (
    PREFIX,
    ApiKey,
    ApiKeyStore,
    KeyState,
    digest_of_key,
    has_its_checksum,
    id_of_key,
)
from orderkeep.application.access.authenticator import Authenticator
from orderkeep.application.errors import NotAuthenticated
from orderkeep.application.ports import Clock, utc_now
from orderkeep.domain.exceptions import StoreUnavailable

NOTED_EVERY = timedelta(minutes=5)
"""How exactly the last use of a key is known. Each process notes it at most that often, for each key."""

_OF_NO_KEY = "0" * 64


class ApiKeyAuthenticator(Authenticator):
    """Knows API keys. A key that was revoked, or has ended, is refused like one that never was."""

    def __init__(self, keys: ApiKeyStore, clock: Clock = utc_now) -> None:
        self._keys, self._clock = keys, clock
        self._known = KnownApiKeys(keys, clock)
        self._notes: set[asyncio.Task[None]] = set()

    async def authenticate(self, token: str) -> Actor | None:
        if not token.startswith(PREFIX):
            return None
        key_id, now = id_of_key(token), self._clock()
        if key_id is None:  # refused at once, which tells no more than anyone sees who looks at it
            raise NotAuthenticated
        known = self._known.fresh(key_id, now)
        if known is None:
            if not has_its_checksum(token):  # likewise, and the store need not be asked
                raise NotAuthenticated
            known, now = await self._known.look_up(key_id), self._clock()
        key = known.key
        # Compared in any case, and before anything else is looked at: so that time tells nothing of what was wrong.
        fits = compare_digest(digest_of_key(token), key.digest if key else _OF_NO_KEY)
        if key is None or not fits or key.state_at(now) is not KeyState.ACTIVE:
            raise NotAuthenticated
        self._note_use(known, key, now)
        return key.actor

    async def close(self) -> None:
        here = asyncio.get_running_loop()
        await asyncio.gather(*(note for note in self._notes if note.get_loop() is here), return_exceptions=True)

    def _note_use(self, known: Known, key: ApiKey, now: datetime) -> None:
        if _is_recent(known.noted_at, now) or _is_recent(key.last_used_at, now):
            return
        known.noted_at = now  # also where it fails: a store that cannot answer is not asked by every request
        note = asyncio.get_running_loop().create_task(self._note(key.id, now))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _note(self, key_id: str, now: datetime) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._keys.note_use(key_id, now)


def _is_recent(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and timedelta(0) <= now - moment < NOTED_EVERY
