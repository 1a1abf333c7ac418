"""List the events of all orders."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.errors import InvalidQuery
from orderkeep.application.event_feed import EventFeed, EventPage
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, check_limit

LONGEST_WAIT = 20
"""Seconds that a request may wait for events. Proxies commonly end a request after 30 or 60."""


class ListEventsUseCase:
    """List the events of all orders, oldest first, or wait for new ones."""

    def __init__(self, feed: EventFeed) -> None:
        self.feed = feed

    async def execute(
        self, *, after: int = 0, limit: int = DEFAULT_PAGE, full: bool = False, wait: int = 0, actor: Actor = SYSTEM
    ) -> EventPage:
        """Return the events after a position of the feed (0: from the first), up to `limit` (1 to 200), but all of one
        change at least. If there are none, wait for them up to `wait` seconds. With `full`, their data has the order
        before and after.

        Raises `NotAllowed`, `UnknownPosition`, `InvalidQuery`, and like `EventFeed.admitted` if it has to wait.
        """
        actor.require(Scope.EVENTS)
        check_limit(limit)
        if not 0 <= wait <= LONGEST_WAIT:
            raise InvalidQuery(f"must be from 0 to {LONGEST_WAIT} seconds", "wait")
        page = await self.feed.read(after, limit, full=full)
        if wait and page.next_after == after:
            with self.feed.admitted(actor):
                await self.feed.wait(after, wait)
            page = await self.feed.read(after, limit, full=full)
        return page
