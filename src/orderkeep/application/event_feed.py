"""The feed as events: pages that never divide a change, and waiting for new changes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orderkeep.application.access.actor import Actor
from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.errors import InvalidCursor, Overloaded, TooManyRequests, UnknownPosition
from orderkeep.application.events import EventView, events_of
from orderkeep.application.ports import PAGE_BYTES, ChangeFeed, OrderHistory
from orderkeep.domain.exceptions import OrderkeepError

MOST_WAITING_OF_AN_ACTOR = 25
MOST_WAITING = 250
"""Requests that wait for events, and streams, of a process: each needs an open connection."""

_AT_ONCE = 8
"""Orders that are read at the same time, of the store's connections."""

POLL_SECONDS = 0.25
"""The interval at which the store is read while any request waits."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events. `next_after` is the position to continue from; `has_more`: further events exist now."""

    events: tuple[EventView, ...]
    has_more: bool
    next_after: int


class EventFeed:
    """The events of all orders, in the order of their changes.

    Requests that wait share one reader of the store, which runs while there are any.
    """

    def __init__(self, changes: ChangeFeed, history: OrderHistory, poll_seconds: float = POLL_SECONDS) -> None:
        self._changes, self._history, self._poll_seconds = changes, history, poll_seconds
        self._places = Counter[Actor]()
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._polling: asyncio.Task[None] | None = None
        self.stopped = False
        """Whether `stop` was called."""

    async def read(self, after: int, limit: int, *, full: bool) -> EventPage:
        """Return the events of the changes after a position. The page ends before the change whose events would exceed
        `limit`, and the orders of `full` events would exceed `PAGE_BYTES`; the first change is always whole. Raises
        `UnknownPosition`.
        """
        try:
            found = await self._changes.read_changes(after, limit + 1)
        except InvalidCursor:
            raise UnknownPosition from None
        shown, count = list[ChangeDTO](), 0
        for change in found.changes:
            count += len(change.events)
            if shown and count > limit:
                break
            shown.append(change)
        before = await self._before(shown) if full else [None] * len(shown)
        end = after + len(before)
        has_more = len(before) < len(found.changes)
        if before and not has_more:
            has_more = bool((await self._changes.read_changes(end, 1)).changes)
        events = [
            event
            for position, change, earlier in zip(range(after + 1, end + 1), shown, before, strict=False)
            for event in events_of(change, position, earlier, full)
        ]
        return EventPage(tuple(events), has_more, end)

    async def _before(self, changes: Sequence[ChangeDTO]) -> list[OrderDTO | None]:
        """Return the order before each of the first changes: before those whose full events fit on a page."""
        known = {(change.order_id, change.version): change for change in changes}

        async def before(change: ChangeDTO) -> ChangeDTO | None:
            if change.version == 1:
                return None
            earlier = known.get((change.order_id, change.version - 1))
            return earlier or await self._history.get_change(change.order_id, change.version - 1)

        found, size = list[OrderDTO | None](), 0
        for start in range(0, len(changes), _AT_ONCE):
            part = changes[start : start + _AT_ONCE]
            for change, earlier in zip(part, await asyncio.gather(*map(before, part)), strict=True):
                size += len(change.events) * (change.order_bytes + (earlier.order_bytes if earlier else 0))
                if found and size > PAGE_BYTES:
                    return found
                found.append(earlier.order if earlier else None)
        return found

    @contextmanager
    def admitted(self, actor: Actor) -> Iterator[None]:
        """Hold a place of the actor, who waits for events. Raises `TooManyRequests` if `MOST_WAITING_OF_AN_ACTOR` of
        the same actor are held, and `Overloaded` if `MOST_WAITING` of all actors are.
        """
        if self._places[actor] >= MOST_WAITING_OF_AN_ACTOR:
            raise TooManyRequests(
                1, f"{MOST_WAITING_OF_AN_ACTOR} requests of this actor wait for events, which is the limit"
            )
        if self._places.total() >= MOST_WAITING:
            raise Overloaded("requests that wait for events")
        self._places[actor] += 1
        try:
            yield
        finally:
            self._places[actor] -= 1
            self._places += Counter()  # without those at zero

    async def wait(self, after: int, seconds: float) -> None:
        """Return when a change follows the position, when the time is over, when the store is not available, or when
        waiting is stopped.
        """
        if self.stopped:
            return
        arrived = asyncio.get_running_loop().create_future()
        self._waiting[arrived] = after
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            await asyncio.wait([arrived], timeout=seconds)
        finally:
            del self._waiting[arrived]

    async def _poll(self) -> None:
        """Read the store at intervals, and end waiting for what has arrived, until no request waits."""
        while self._waiting:
            await asyncio.sleep(self._poll_seconds)
            while positions := [after for arrived, after in self._waiting.items() if not arrived.done()]:
                first = min(positions)
                try:
                    page = await self._changes.read_changes(first, 1)
                except OrderkeepError:  # those that wait read the store themselves, and report it
                    self._end_waiting(max(positions))
                    break
                if not page.changes:
                    break
                self._end_waiting(first)

    def _end_waiting(self, last: int) -> None:
        """End the waiting of those that wait after that position or an earlier one."""
        for arrived, after in self._waiting.items():
            if after <= last and not arrived.done():
                arrived.set_result(None)

    def stop(self) -> None:
        """End all waiting, also in future: the process ends."""
        self.stopped = True
        for arrived in self._waiting:
            if not arrived.done():
                arrived.set_result(None)
        if self._polling is not None:
            self._polling.cancel()


async def end_of_feed(feed: ChangeFeed) -> int:
    """Return the position of the last change: all that was committed before is at or before it. Positions are dense, so
    it is found by some 40 reads of one change among a million.
    """

    async def follows(position: int) -> bool:
        try:
            return bool((await feed.read_changes(position, 1)).changes)
        except InvalidCursor:
            return False

    return await last_number(follows)


async def last_number(follows: Callable[[int], Awaitable[bool]], low: int = 0) -> int:
    """Return the last of consecutive numbers, from one that exists. `follows` returns whether another number follows;
    False also for a number that does not exist. A store may find more only when it is read at its end, so that is where
    the search stops.
    """
    while await follows(low):
        step = 1
        while await follows(low + step):
            low, step = low + step, step * 2
        high = low + step  # nothing follows it yet, while something follows `low`
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if await follows(middle) else (low, middle)
        low = high
    return low
