"""Authentication by API key, with a short-lived cache of keys that saves a store read per request."""

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from orderkeep.application.access import api_keys
from orderkeep.application.access.actor import Actor
from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore, KeyState
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.ports import Authenticator, Clock, utc_now
from orderkeep.domain.exceptions import StoreUnavailable

NOTED_EVERY = timedelta(minutes=5)
"""The precision of a key's last use. Each process records it at most this often for each key."""

FRESH = timedelta(seconds=10)
"""How long a cached key is used: a revoked key is rejected everywhere after this time."""

MOST_KNOWN = 4_096
"""The size of the cache of keys. IDs without a key are not cached, so they cannot evict keys."""

_OF_NO_KEY = "0" * 64


@dataclass(slots=True, eq=False)
class _Known:
    """A key as it was read from the store, and when this process last recorded its use."""

    key: ApiKey
    looked_up_at: datetime
    noted_at: datetime | None


class ApiKeyAuthenticator(Authenticator):
    """Verifies API keys. A revoked or expired key is rejected like an unknown one."""

    def __init__(self, keys: ApiKeyStore, clock: Clock = utc_now) -> None:
        self._keys, self._clock = keys, clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._notes: set[asyncio.Task[None]] = set()

    async def authenticate(self, token: str) -> Actor | None:
        if not token.startswith(api_keys.PREFIX):
            return None
        key_id, now = api_keys.id_of_key(token), self._clock()
        if key_id is None:  # an early rejection reveals nothing that the format of the key does not
            raise InvalidCredentials
        known = self._known.get(key_id)
        if known is None or not _is_within(FRESH, known.looked_up_at, now):
            if not api_keys.has_its_checksum(token):  # likewise, and without a read of the store
                raise InvalidCredentials
            known, now = await self._look_up(key_id), self._clock()
        # Always compared, and before every other check, so that the time does not reveal the reason of a rejection.
        fits = compare_digest(api_keys.digest_of_key(token), known.key.digest if known else _OF_NO_KEY)
        if known is None or not fits or known.key.state_at(now) is not KeyState.ACTIVE:
            raise InvalidCredentials
        self._note_use(known, now)
        return known.key.actor

    async def close(self) -> None:
        here = asyncio.get_running_loop()
        await asyncio.gather(*(note for note in self._notes if note.get_loop() is here), return_exceptions=True)

    async def _look_up(self, key_id: str) -> _Known | None:
        now = self._clock()  # before the read, because the result may not include later changes of the key
        key = await self._keys.get(key_id)
        before = self._known.pop(key_id, None)
        if key is None:
            return None
        found = self._known[key_id] = _Known(key, now, before.noted_at if before else None)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)  # the oldest read: keys in use are read again every few seconds
        return found

    def _note_use(self, known: _Known, now: datetime) -> None:
        if _is_within(NOTED_EVERY, known.noted_at, now) or _is_within(NOTED_EVERY, known.key.last_used_at, now):
            return
        known.noted_at = now  # even if it fails: an unavailable store must not be called by every request
        note = asyncio.get_running_loop().create_task(self._note(known.key.id, now))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _note(self, key_id: str, now: datetime) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._keys.note_use(key_id, now)


def _is_within(period: timedelta, moment: datetime | None, now: datetime) -> bool:
    # Of wall-clock time: monotonic time stops in a frozen container.
    return moment is not None and timedelta(0) <= now - moment < period
