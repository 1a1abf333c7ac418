"""Page walks while orders are placed and moved along: what matched throughout is seen, once."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderFilter, OrderStore
from orderkeep.testing.orders import OWN, SINCE, own_user, small_order
from orderkeep.testing.reading import orders_on, pages
from orderkeep.testing.saving import loaded, save_all
from orderkeep.testing.violation import ContractViolation

TAG = f"{OWN}steady"
SPAN_SECONDS = 10


@dataclass(slots=True)
class WalkCount:
    """How many lists were walked from first page to last, how many orders that showed, and what was written
    meanwhile.
    """

    walks: int = 0
    seen: int = 0
    placed: int = 0
    moved: int = 0


async def walk_pages_under_writes(
    store: OrderStore, *, walks: int = 3, steady: int = 40, page: int = 7, writers: int = 4
) -> WalkCount:
    """Walk lists by user, by status and by tag while other orders are placed among them and change their status.

    The orders that match throughout must each be seen once, and everything newest first. Many share an instant.
    """
    count = WalkCount()
    for _ in range(walks):
        await _walk_lists(store, own_user(), steady, page, writers, count)
    return count


async def _walk_lists(store: OrderStore, user: str, steady: int, page: int, writers: int, count: WalkCount) -> None:
    kept = [small_order(new_order_id(), user_id=user, at=_some_instant(), tags=(TAG,)) for _ in range(steady)]
    await save_all(store, kept)
    turns, written = asyncio.Semaphore(0), asyncio.Event()
    tasks = [asyncio.create_task(_write(store, user, turns, written, count)) for _ in range(writers)]
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
        OrderFilter(user_id=user, status="pending"),
        OrderFilter(user_id=user, tag=TAG),
        OrderFilter(user_id=user, created_from=SINCE, created_to=SINCE + timedelta(seconds=SPAN_SECONDS)),
    ]


async def _write(
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
    """Give each writer one turn, so that the list does not grow faster than it is walked; await the first to write."""
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
        raise ContractViolation(f"a walk of {where} skipped {skipped}, repeated {repeated}; it went {places}")


def _some_instant() -> datetime:
    return SINCE + timedelta(seconds=random.randrange(SPAN_SECONDS))  # noqa: S311
