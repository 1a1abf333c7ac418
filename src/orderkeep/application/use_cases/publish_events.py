"""Publish events to the event bus."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.event_feed import end_of_feed
from orderkeep.application.ports import ChangeFeed, Clock, EventPublisher, utc_now
from orderkeep.application.records import Record, RecordStore
from orderkeep.domain.exceptions import ConcurrentUpdate

PUBLISHER, BUS = "publisher", "events"
"""The kind and the ID of the record with the position."""

PAGE = 100
LEASE = timedelta(seconds=60)
"""How long a relay that was killed delays the others. It is renewed with each page."""

PAGE_SECONDS = 40
"""A page that takes longer is abandoned, and its rest is published with the next one."""


@dataclass(frozen=True, slots=True)
class _Position:
    position: int
    owner: str
    until: datetime
    version: int = 0

    def to_record(self) -> Record:
        content = json.dumps({"position": self.position, "owner": self.owner, "until": self.until.isoformat()})
        return Record(PUBLISHER, BUS, content, self.version)

    @classmethod
    def of(cls, record: Record) -> _Position:
        found = json.loads(record.content)
        until = datetime.fromisoformat(found["until"])
        return cls(found["position"], found["owner"], until, record.version)


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
    ) -> None:
        self.feed, self.open_records, self.clock = feed, open_records, clock
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
        if found.owner not in ("", self._owner) and self.clock() < found.until:
            return False
        page = await self.feed.read_changes(found.position, PAGE)
        if not page.changes:
            if found.owner:
                await self._save(replace(found, owner=""))
            return False
        leased = await self._save(replace(found, owner=self._owner, until=self.clock() + LEASE))
        if leased is None:
            return False
        published = 0

        def count(more: int) -> None:
            nonlocal published
            published += more

        self._publisher = self._publisher or open_publisher()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAGE_SECONDS):
                    await self._publisher.publish(page.changes, count)
        finally:
            saved = replace(leased, position=leased.position + published, until=self.clock() + LEASE)
            await self._save(saved)
        return True

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
        if found.owner == self._owner:
            await self._save(replace(found, owner=""))
        publisher, self._publisher = self._publisher, None
        await publisher.close()

    async def _position(self) -> _Position:
        found = await self.open_records().get_records(PUBLISHER, [BUS])
        if found:
            return _Position.of(found[0])
        start = _Position(await end_of_feed(self.feed), "", self.clock())
        return await self._save(start) or await self._position()

    async def _save(self, position: _Position) -> _Position | None:
        """Write the position, and return it; None if another relay wrote it since."""
        try:
            [written] = await self.open_records().write_records([position.to_record()])
        except ConcurrentUpdate:
            return None
        return replace(position, version=written.version)
