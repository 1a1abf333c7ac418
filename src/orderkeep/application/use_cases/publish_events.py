"""Publish events to the event bus."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.leases import Lease, Sleep, decode_lease, encode_lease, is_free, renewing
from orderkeep.application.ports import ChangeFeed, Clock, EventPublisher, utc_now
from orderkeep.application.records import Record, RecordStore
from orderkeep.domain.exceptions import ConcurrentUpdate

PUBLISHER, BUS = "publisher", "events"
"""The kind and the ID of the record with the position."""

PAGE = 100

PAGE_SECONDS = 40
"""A page that takes longer is abandoned, and its rest is published with the next one."""


@dataclass(frozen=True, slots=True)
class _Position:
    position: int
    lease: Lease | None = None
    version: int = 0

    def to_record(self) -> Record:
        content = json.dumps({"position": self.position, "lease": encode_lease(self.lease)})
        return Record(PUBLISHER, BUS, content, self.version)

    @classmethod
    def of(cls, record: Record) -> _Position:
        found = json.loads(record.content)
        return cls(found["position"], decode_lease(found["lease"]), record.version)


class PublishEventsUseCase:
    """Publish the events of the feed to the event bus, as one of any number of relays: at least once, and in order for
    each order. The first relay starts with the next event. Call `execute` again and again, and `stop` at the end.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        open_records: Callable[[], RecordStore],
        open_publisher: Callable[[], EventPublisher] | None = None,
        clock: Clock = utc_now,
        owner: str = "",
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.feed, self.open_records, self.clock, self.sleep = feed, open_records, clock, sleep
        self._open_publisher = open_publisher
        self._publisher: EventPublisher | None = None
        self._lock = asyncio.Lock()
        self._owner = owner or str(uuid.uuid4())

    def start(self) -> None:
        """Do nothing: connections are opened with the first event."""

    async def execute(self, actor: Actor = SYSTEM) -> bool:
        """Publish a page of events; return whether there is more to do now. Without a publisher, do nothing. Raises
        `NotAllowed`, `NotPublished` and `StoreUnavailable`.
        """
        actor.require(Scope.ADMIN)
        if self._open_publisher is None:
            return False
        async with self._lock:
            return await self._publish_page(self._open_publisher)

    async def _publish_page(self, open_publisher: Callable[[], EventPublisher]) -> bool:
        found = await self._position()
        if not is_free(found.lease, self._owner, self.clock()):
            return False
        page = await self.feed.read_changes(found.position, PAGE)
        try:
            if page.changes:
                await self._publish(open_publisher, page.changes, found)
            elif found.lease:
                await self._save(replace(found, lease=None))
        except ConcurrentUpdate:  # another relay has the lease
            return False
        return bool(page.changes)

    async def _publish(
        self, open_publisher: Callable[[], EventPublisher], changes: Sequence[ChangeDTO], found: _Position
    ) -> None:
        """Publish changes under the lease, and save the position after each renewal and at the end."""
        position = found.position

        def count(more: int) -> None:
            nonlocal position
            position += more

        async def save() -> None:
            nonlocal found
            lease = Lease.begin(self._owner, self.clock())
            found = await self._save(replace(found, position=position, lease=lease))

        await save()
        self._publisher = self._publisher or open_publisher()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAGE_SECONDS), renewing(save, self.sleep):
                    await self._publisher.publish(changes, count)
        finally:
            await save()

    async def stop(self, seconds: float) -> None:
        """Wait up to that many seconds for the page that is being published, release the lease, so that another relay
        can continue at once, and close the connections.
        """
        if self._publisher is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._lock.acquire()
            self._lock.release()
        found = await self._position()
        if found.lease and found.lease.owner == self._owner:
            with suppress(ConcurrentUpdate):
                await self._save(replace(found, lease=None))
        publisher, self._publisher = self._publisher, None
        await publisher.close()

    async def _position(self) -> _Position:
        found = await self.open_records().get_records(PUBLISHER, [BUS])
        if found:
            return _Position.of(found[0])
        with suppress(ConcurrentUpdate):
            return await self._save(_Position(await end_of_feed(self.feed)))
        return await self._position()

    async def _save(self, position: _Position) -> _Position:
        """Write the position, and return it. Raises `ConcurrentUpdate` if another relay has written it since."""
        [written] = await self.open_records().write_records([position.to_record()])
        return replace(position, version=written.version)
