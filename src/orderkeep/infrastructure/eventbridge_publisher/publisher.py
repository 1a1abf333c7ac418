"""The EventBridge publisher: call after call, each sent again until all of it was taken, while that may help."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Sequence

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.event_publisher import EventPublisher, NotPublished
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.infrastructure.cloud_events import DEFAULT_SOURCE
from orderkeep.infrastructure.eventbridge_publisher.client import EventBridgeClient, Place
from orderkeep.infrastructure.eventbridge_publisher.entries import Entry, calls_of
from orderkeep.infrastructure.eventbridge_publisher.errors import PutFailed

ATTEMPTS = 8
"""How often a call is sent while EventBridge cannot be reached, fails, or limits the rate. Whoever has less time than
that takes cancels.
"""

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0

_BUS = re.compile(r"[A-Za-z0-9/._-]{1,256}")
_SOURCE = re.compile(r"(?!aws\.)[A-Za-z0-9/:._-]{1,128}")


class EventBridgePublisher(EventPublisher):
    """Puts events on an event bus of Amazon EventBridge. Connects by itself when first used.

    Region, endpoint and credentials are those of the usual AWS environment variables where they are not given.
    Raises `ValueError` where no bus can have that name, or no event that source.
    """

    def __init__(
        self, bus: str, *, region: str | None = None, endpoint: str | None = None, source: str = DEFAULT_SOURCE
    ) -> None:
        if not _BUS.fullmatch(bus):
            raise ValueError("an event bus has a name of 1 to 256 letters, digits and / . - _")
        if not _SOURCE.fullmatch(source):
            raise ValueError("a source of events has 1 to 128 letters, digits and / : . - _, and not aws. in front")
        self._bus, self._source = bus, source
        self._client = EventBridgeClient(Place.of(region, endpoint))
        self._closed = False

    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        told = 0
        for call in calls_of(changes, self._source):
            async for count in self._send(call):
                if count > told:
                    done(count - told)
                    told = count
        if told < len(changes):
            done(len(changes) - told)  # those at the end that have no events

    async def close(self) -> None:
        self._closed = True
        await self._client.close()

    async def _send(self, call: list[Entry]) -> AsyncIterator[int]:
        """Send the entries, and again those that were not taken, and yield how many changes are through by then."""
        waiting = call
        for attempt in range(ATTEMPTS):
            await _pause(attempt)
            refused: PutFailed
            try:
                waiting, found = await self._put(waiting)
            except PutFailed as error:
                found = [error]
            if not found:
                yield call[-1].after
                return
            yield waiting[0].before
            refused = next((error for error in found if not error.is_passing), found[0])
            if not refused.is_passing or attempt + 1 == ATTEMPTS:
                raise NotPublished(str(refused)) from refused

    async def _put(self, entries: list[Entry]) -> tuple[list[Entry], list[PutFailed]]:
        if self._closed:
            raise NotPublished("the publisher is closed")
        results = await self._client.put([entry.to_json(self._bus) for entry in entries])
        pairs = [(entry, error) for entry, error in zip(entries, results, strict=True) if error]
        return [entry for entry, _ in pairs], [error for _, error in pairs]


async def _pause(attempt: int) -> None:
    if attempt:
        longest = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(random.uniform(0, longest))  # noqa: S311
