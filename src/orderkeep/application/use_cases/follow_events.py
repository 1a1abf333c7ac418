"""Follow the events of all orders."""

import asyncio
from collections.abc import AsyncGenerator

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.errors import EventNotFound
from orderkeep.application.event_feed import EventFeed
from orderkeep.application.events import EventView, read_event_id
from orderkeep.application.ports import ChangeFeed

HEARTBEAT_SECONDS = 15.0
"""The longest time without an event after which an empty group is yielded."""

LONGEST_SECONDS = 300.0
"""How long events are followed: the client then connects again, and is authenticated again."""

MOST_AT_ONCE = 20
"""Events that are read at once, so that a slow reader holds few in memory."""


class FollowEventsUseCase:
    """Follow the events of all orders: those that exist, then new ones as they come."""

    def __init__(self, feed: EventFeed, changes: ChangeFeed) -> None:
        self.feed, self.changes = feed, changes

    async def execute(
        self, *, after: int = 0, last_event_id: str | None = None, full: bool = False, actor: Actor = SYSTEM
    ) -> AsyncGenerator[tuple[EventView, ...]]:
        """Yield groups of events, from the position `after` or directly after the event with `last_event_id`. A group
        is empty if none came for `HEARTBEAT_SECONDS`, or if the first read finds none. The iteration ends
        after `LONGEST_SECONDS`, or when the process ends.

        The first group raises `NotAllowed`, `EventNotFound`, `UnknownPosition`, and like `EventFeed.admitted`.
        """
        actor.require(Scope.EVENTS)
        with self.feed.admitted(actor):
            clock, seen = asyncio.get_running_loop().time, 0
            ends_at = clock() + LONGEST_SECONDS
            if last_event_id is not None:
                after, seen = await self._position_of(last_event_id)
            page = await self.feed.read(after, MOST_AT_ONCE, full=full)
            yield tuple([event for event in page.events if event.position > after + 1 or _number_of(event) > seen])
            while not self.feed.stopped and (left := ends_at - clock()) > 0:
                if not page.has_more:
                    await self.feed.wait(page.next_after, min(HEARTBEAT_SECONDS, left))
                page = await self.feed.read(page.next_after, MOST_AT_ONCE, full=full)
                yield page.events

    async def _position_of(self, event_id: str) -> tuple[int, int]:
        """Return the position before the change of the event, and the number of the event in it."""
        if parts := read_event_id(event_id):
            order_id, version, number = parts
            position = await self.changes.position_of_change(order_id, version)
            if position is not None:
                return position - 1, number
        raise EventNotFound


def _number_of(event: EventView) -> int:
    return int(event.id.rpartition(".")[2])
