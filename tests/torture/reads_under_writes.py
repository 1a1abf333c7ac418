"""Lists and the feed, read during writes, skip nothing and repeat nothing."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderFilter, OrderStore
from orderkeep.testing.orders import OWN, SINCE, own_user, small_order
from orderkeep.testing.stores import feed_page, loaded, orders_on, pages, read_feed, save_all
from tests.torture.watched_store import ContractViolation

Commit = tuple[str, int]  # order id, version


@dataclass(slots=True)
class FeedCount:
    """The numbers of commits, readers and pages, and the position at which the readers started."""

    commits: int = 0
    readers: int = 0
    pages: int = 0
    position: int = 0


async def read_feed_beside_writers(
    store: OrderStore,
    *,
    writers: int = 16,
    orders_each: int = 4,
    readers: int = 3,
    page: int = 5,
    after: int = 0,
) -> FeedCount:
    """Read the feed while several tasks write. No reader misses a change or gets one twice, changes of an order are in
    the order of its versions, and all readers get the same order, at positions that stay the same. `after` spares
    reading a long feed from its start.
    """
    user = own_user()
    beginning = await _end_of_feed(store, after)
    done = asyncio.Event()
    reading = [asyncio.create_task(_follow(store, beginning, page, done)) for _ in range(readers)]
    try:
        written = await asyncio.gather(*(_write_changes(store, user, orders_each) for _ in range(writers)))
    finally:
        done.set()
        followed = await asyncio.gather(*reading)
    commits = [commit for of_writer in written for commit in of_writer]
    feed = await read_feed(store, beginning)
    for position, change in list(enumerate(feed, beginning + 1))[:: max(len(feed) // 10, 1)]:
        if (own := await store.position_of_change(change.order_id, change.version)) != position:
            raise ContractViolation(f"the feed has {_commit(change)} at position {position}, and its own is {own}")
    afterwards = [_commit(change) for change in feed if change.order.user_id == user]
    _judge(commits, afterwards)
    count = FeedCount(len(commits), readers, position=beginning)
    for changes, page_count in followed:
        got = [_commit(change) for change in changes if change.order.user_id == user]
        _judge(commits, got)
        if got != afterwards:
            raise ContractViolation("a reader during the writes got the changes in another order than one after them")
        count.pages += page_count
    return count


async def _write_changes(store: OrderStore, user: str, orders: int) -> list[Commit]:
    commits = []
    for _ in range(orders):
        first, second = (small_order(new_order_id(), user_id=user) for _ in range(2))
        await store.save(first, second)
        first.confirm(at=SINCE)
        await store.save(first)
        first.ship(at=SINCE)
        second.cancel(at=SINCE)
        await store.save(second, first)
        commits += [(first.id, 1), (second.id, 1), (first.id, 2), (first.id, 3), (second.id, 2)]
        await asyncio.sleep(0)
    return commits


async def _follow(store: OrderStore, position: int, size: int, done: asyncio.Event) -> tuple[list[ChangeDTO], int]:
    changes: list[ChangeDTO] = []
    page_count = 0
    while True:
        last_look = done.is_set()
        page = await feed_page(store, position, size)
        changes += page.changes
        position = page.position
        page_count += bool(page.changes)
        if last_look and not page.changes:
            return changes, page_count
        await asyncio.sleep(0)


async def _end_of_feed(store: OrderStore, after: int) -> int:
    page = await feed_page(store, after, 1_000)
    while page.changes:
        page = await feed_page(store, page.position, 1_000)
    return page.position


def _judge(commits: list[Commit], got: list[Commit]) -> None:
    expected = set(commits)
    lost, repeated = expected - set(got), {commit for commit, times in Counter(got).items() if times > 1}
    unknown = set(got) - expected
    versions: dict[str, list[int]] = {}
    for order_id, version in got:
        versions.setdefault(order_id, []).append(version)
    mixed = {order_id: found for order_id, found in versions.items() if found != sorted(found)}
    if lost or repeated or unknown or mixed:
        raise ContractViolation(f"lost {lost}, repeated {repeated}, not committed {unknown}, out of order {mixed}")


def _commit(change: ChangeDTO) -> Commit:
    return change.order_id, change.version


TAG = f"{OWN}steady"
SPAN_SECONDS = 10


@dataclass(slots=True)
class WalkCount:
    """The numbers of lists read to the last page, of orders on them, and of orders placed and changed meanwhile."""

    walks: int = 0
    seen: int = 0
    placed: int = 0
    moved: int = 0


async def walk_pages_under_writes(
    store: OrderStore, *, walks: int = 3, steady: int = 40, page: int = 7, writers: int = 4
) -> WalkCount:
    """Read lists by user, status, tag and time page by page while other orders are placed and change their status.

    Orders that match throughout must be returned once, newest first. Many were created at the same instant.
    """
    count = WalkCount()
    for _ in range(walks):
        await _walk_lists(store, own_user(), steady, page, writers, count)
    return count


async def _walk_lists(store: OrderStore, user: str, steady: int, page: int, writers: int, count: WalkCount) -> None:
    kept = [small_order(new_order_id(), user_id=user, at=_some_instant(), tags=(TAG,)) for _ in range(steady)]
    await save_all(store, kept)
    turns, written = asyncio.Semaphore(0), asyncio.Event()
    tasks = [asyncio.create_task(_write_when_allowed(store, user, turns, written, count)) for _ in range(writers)]
    try:
        for where in _lists_of(user):
            seen: list[OrderDTO] = []
            async for found in pages(store, where, page):
                seen += orders_on(found)
                await _let_write(turns, written, tasks)
            _judge_walk(where, seen, {order.id for order in kept})
            count.walks, count.seen = count.walks + 1, count.seen + len(seen)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _lists_of(user: str) -> list[OrderFilter]:
    return [
        OrderFilter(user_id=user),
        OrderFilter(user_id=user, statuses=("pending",)),
        OrderFilter(user_id=user, tag=TAG),
        OrderFilter(user_id=user, created_from=SINCE, created_to=SINCE + timedelta(seconds=SPAN_SECONDS)),
    ]


async def _write_when_allowed(
    store: OrderStore, user: str, turns: asyncio.Semaphore, written: asyncio.Event, count: WalkCount
) -> None:
    while True:
        await turns.acquire()
        order = small_order(new_order_id(), user_id=user, at=_some_instant())
        await store.save(order)
        count.placed += 1
        written.set()
        await turns.acquire()
        mover = await loaded(store, order.id)
        mover.confirm(at=SINCE)
        await store.save(mover)
        count.moved += 1
        written.set()


async def _let_write(turns: asyncio.Semaphore, written: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Give each writer one turn, so that the list does not grow faster than it is read; wait for the first write."""
    written.clear()
    for _ in tasks:
        turns.release()
    waiting = asyncio.create_task(written.wait())
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for writer in done - {waiting}:
        writer.result()


def _judge_walk(where: OrderFilter, seen: list[OrderDTO], throughout: set[str]) -> None:
    times_seen = Counter(order.id for order in seen)
    skipped, repeated = throughout - set(times_seen), {order_id for order_id, n in times_seen.items() if n > 1}
    places = [(order.created_at, order.id) for order in seen]
    if skipped or repeated or places != sorted(places, reverse=True):
        raise ContractViolation(
            f"the pages of {where} skipped {skipped} and repeated {repeated}; their order was {places}"
        )


def _some_instant() -> datetime:
    return SINCE + timedelta(seconds=random.randrange(SPAN_SECONDS))
