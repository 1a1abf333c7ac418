"""Readers of the feed beside writers: every reader gets every change, once, all in the same order."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderStore
from orderkeep.testing.orders import SINCE, own_user, small_order
from orderkeep.testing.reading import feed_page, read_feed
from orderkeep.testing.violation import ContractViolation

Commit = tuple[str, int]  # order id, version


@dataclass(slots=True)
class FeedCount:
    """How many changes were committed, and by how many pages all readers got them. `position` is one to go on from."""

    commits: int = 0
    readers: int = 0
    pages: int = 0
    position: str = ""


async def read_feed_beside_writers(
    store: OrderStore,
    *,
    writers: int = 8,
    orders_each: int = 8,
    readers: int = 3,
    page: int = 5,
    after: str | None = None,
) -> FeedCount:
    """Write from many sides and read the feed meanwhile. No reader misses a change or gets one twice; the changes of
    an order come in the order of its versions; all readers get all changes in one and the same order. `after` is a
    position to begin behind, so that a long feed need not be read from its beginning.
    """
    user = own_user()
    beginning = await _end_of_feed(store, after)
    done = asyncio.Event()
    reading = [asyncio.create_task(_follow(store, beginning, page, done)) for _ in range(readers)]
    try:
        written = await asyncio.gather(*(_write(store, user, orders_each) for _ in range(writers)))
    finally:
        done.set()
        followed = await asyncio.gather(*reading)
    commits = [commit for of_writer in written for commit in of_writer]
    afterwards = [_commit(change) for change in await read_feed(store, beginning) if change.order.user_id == user]
    _judge(commits, afterwards)
    count = FeedCount(len(commits), readers, position=beginning)
    for changes, page_count in followed:
        got = [_commit(change) for change in changes if change.order.user_id == user]
        _judge(commits, got)
        if got != afterwards:
            raise ContractViolation("a reader beside the writers got the changes in another order than one after them")
        count.pages += page_count
    return count


async def _write(store: OrderStore, user: str, orders: int) -> list[Commit]:
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


async def _follow(store: OrderStore, position: str, size: int, done: asyncio.Event) -> tuple[list[ChangeDTO], int]:
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


async def _end_of_feed(store: OrderStore, after: str | None) -> str:
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
