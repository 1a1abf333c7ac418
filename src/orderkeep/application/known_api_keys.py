"""The keys that were looked up in the last seconds, so that a request costs no read of the store."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.ports import Clock

FRESH = timedelta(seconds=10)
"""How long a key counts as it was looked up: within this, a key that was revoked is refused everywhere."""

MOST_KNOWN = 4_096
"""How many keys are remembered; and as many ids that no key has, apart, so that those push no key out."""


@dataclass(slots=True, eq=False)
class Known:
    """A key as it was when it was looked up (None: there was none), and when its use was last noted from here."""

    key: ApiKey | None
    looked_up_at: datetime
    noted_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether it still counts. By the clock on the wall: another stands still while a container is frozen."""
        return timedelta(0) <= now - self.looked_up_at < FRESH


class KnownApiKeys:
    """Looks keys up, each once however many ask for it at a time."""

    def __init__(self, keys: ApiKeyStore, clock: Clock) -> None:
        self._keys, self._clock = keys, clock
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._unknown: OrderedDict[str, Known] = OrderedDict()
        self._asking: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[Known]] = {}

    def fresh(self, key_id: str, now: datetime) -> Known | None:
        """Return what is known of that id, None where the store must be asked."""
        found = self._known.get(key_id) or self._unknown.get(key_id)
        return found if found is not None and found.is_fresh(now) else None

    async def look_up(self, key_id: str) -> Known:
        """Ask the store for the key of that id. Raises `StoreUnavailable`."""
        asked = (asyncio.get_running_loop(), key_id)
        task = self._asking.get(asked)
        if task is None:
            task = self._asking[asked] = asked[0].create_task(self._ask(key_id))
            task.add_done_callback(lambda task: self._forget(asked, task))
        await asyncio.wait([task])  # and whoever goes away meanwhile leaves the others their answer
        return task.result()

    async def _ask(self, key_id: str) -> Known:
        now = self._clock()  # before: what happens to the key meanwhile may not be in the answer
        key = await self._keys.get(key_id)
        before = self._known.pop(key_id, None)
        self._unknown.pop(key_id, None)
        found = Known(key, now, before.noted_at if before else None)
        _remember(self._unknown if key is None else self._known, key_id, found)
        return found

    def _forget(self, asked: tuple[asyncio.AbstractEventLoop, str], task: asyncio.Task[Known]) -> None:
        del self._asking[asked]
        if not task.cancelled():
            task.exception()  # who asked may be gone: then nobody else would hear of it


def _remember(place: OrderedDict[str, Known], key_id: str, found: Known) -> None:
    place[key_id] = found
    if len(place) > MOST_KNOWN:
        place.popitem(last=False)  # looked up longest ago: keys in use are looked up anew every few seconds
