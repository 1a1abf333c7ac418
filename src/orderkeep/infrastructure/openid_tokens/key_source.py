"""The provider's keys, kept: fetched when they are needed, again when they are old, and never as often as asked for."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from joserfc.jwk import Key

from orderkeep.application.errors import AuthenticationUnavailable
from orderkeep.infrastructure.openid_tokens.fetching import SECONDS, FetchFailed
from orderkeep.infrastructure.openid_tokens.headers import Header
from orderkeep.infrastructure.openid_tokens.keys import KeySet
from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused

FRESH_SECONDS = 300
"""How long keys count before they are asked for again. One that the provider withdraws ends with that."""

PAUSE_SECONDS = 30
"""Between two fetches, whatever key ids are asked for."""

FIRST_PAUSE_SECONDS = 5
"""The same, while there are no keys at all."""

KEPT_SECONDS = 86_400
"""How long keys count while the provider cannot be reached."""

UNAVAILABLE = "the keys of the OpenID provider cannot be had now"

log = logging.getLogger("orderkeep.openid")


class KeySource:
    """Keys that `load` fetches. It blocks, so that it runs in a thread; `clock` gives seconds that only grow.

    Belongs to the event loop that it is first used in.
    """

    def __init__(self, load: Callable[[], KeySet], clock: Callable[[], float]) -> None:
        self._load, self._clock = load, clock
        self.keys: KeySet | None = None
        """Those that are there, which may be none or too old."""

        self._had_at = self._tried_at = float("-inf")
        self._failed = False
        self._fetch: asyncio.Task[None] | None = None

    async def current(self) -> KeySet:
        """Return keys that count. Where they are old, others are fetched meanwhile. Raises
        `AuthenticationUnavailable`.
        """
        if self.keys is None or self._age() > KEPT_SECONDS:
            await self._fetched()
        elif self._age() > FRESH_SECONDS:
            self._start()
        if self.keys is None or self._age() > KEPT_SECONDS:
            raise AuthenticationUnavailable(UNAVAILABLE)
        return self.keys

    async def find(self, header: Header) -> tuple[Key, KeySet]:
        """Return the key that the header names, and the set it is of. One that is not there may be new: the keys are
        fetched again, if that may be. Raises `TokenRefused`; and `AuthenticationUnavailable` where nobody can tell.
        """
        keys = await self.current()
        if key := keys.find(header.key_id, header.algorithm):
            return key, keys
        await self._fetched()
        keys = await self.current()
        if key := keys.find(header.key_id, header.algorithm):
            return key, keys
        if self._failed:
            raise AuthenticationUnavailable(UNAVAILABLE)
        raise TokenRefused("no key of that name")

    async def close(self) -> None:
        """Let go of a fetch that is under way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait([self._fetch])

    def _age(self) -> float:
        return self._clock() - self._had_at

    async def _fetched(self) -> None:
        """Wait for the fetch that is under way, or for one that may start now."""
        self._start()
        if self._fetch is not None:
            await asyncio.shield(self._fetch)  # whoever waits may go away; the others wait on

    def _start(self) -> None:
        if self._fetch is not None and not self._fetch.done():
            return
        pause = FIRST_PAUSE_SECONDS if self.keys is None else PAUSE_SECONDS
        if self._clock() - self._tried_at < pause:
            return
        self._tried_at = self._clock()
        self._fetch = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(SECONDS * 3):  # two documents, and a name server that takes its time
                keys = await _in_a_thread(self._load)
        except (FetchFailed, TimeoutError) as error:
            self._failed = True
            log.warning("the keys of the OpenID provider cannot be had", extra={"reason": str(error) or "no answer"})
            return
        self._failed, self._had_at = False, self._clock()
        if self.keys is None or self.keys.source != keys.source:
            self.keys = keys


async def _in_a_thread(load: Callable[[], KeySet]) -> KeySet:
    """Return what the call returns. The thread is a daemon: a provider that hangs does not keep us from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[KeySet] = loop.create_future()

    def settle(keys: KeySet | None, error: FetchFailed | None) -> None:
        if answer.done():
            return
        if keys is not None:
            answer.set_result(keys)
        elif error is not None:
            answer.set_exception(error)

    def run() -> None:
        keys, failed = None, None
        try:
            keys = load()
        except FetchFailed as error:
            failed = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, keys, failed)

    threading.Thread(target=run, name="orderkeep-openid-keys", daemon=True).start()
    return await answer
