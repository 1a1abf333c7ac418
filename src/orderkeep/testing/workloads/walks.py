"""Page walks while orders are placed and moved along: what matched throughout is seen, once."""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderFilter, OrderSnapshot, OrderStore
from orderkeep.testing.orders import SINCE, small_order
from orderkeep.testing.reading import pages
from orderkeep.testing.saving import loaded
from orderkeep.testing.violation import ContractViolation

TAG = "steady"
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
    count, user = WalkCount(), f"walker {new_order_id()}"
    kept = [small_order(new_order_id(), user_id=user, at=_some_instant(), tags=(TAG,)) for _ in range(steady)]
    await store.save(*kept)
    throughout = {order.id for order in kept}
    written = asyncio.Event()
    tasks = [asyncio.create_task(_write(store, user, written, count)) for _ in range(writers)]
    try:
        for where in _lists_of(user) * walks:
            seen: list[OrderSnapshot] = []
            async for found in pages(store, where, page):
                seen += found
                written.clear()
                await _first_of(written, tasks)
            _judge_walk(where, seen, throughout)
            count.walks, count.seen = count.walks + 1, count.seen + len(seen)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return count


def _lists_of(user: str) -> list[OrderFilter]:
    return [
        OrderFilter(user_id=user),
        OrderFilter(user_id=user, status="pending"),
        OrderFilter(user_id=user, tag=TAG),
        OrderFilter(user_id=user, created_from=SINCE, created_to=SINCE + timedelta(seconds=SPAN_SECONDS)),
    ]


async def _write(store: OrderStore, user: str, written: asyncio.Event, count: WalkCount) -> None:
    while True:
        order = small_order(new_order_id(), user_id=user, at=_some_instant())
        await store.save(order)
        count.placed += 1
        written.set()
        await asyncio.sleep(0)
        mover = await loaded(store, order.id)
        mover.confirm(at=SINCE)
        await store.save(mover)
        count.moved += 1
        written.set()
        await asyncio.sleep(0)


async def _first_of(written: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    waiting = asyncio.create_task(written.wait())
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for writer in done - {waiting}:
        writer.result()


def _judge_walk(where: OrderFilter, seen: list[OrderSnapshot], throughout: set[str]) -> None:
    ids = [snapshot.id for snapshot in seen]
    skipped, repeated = throughout - set(ids), {order_id for order_id in ids if ids.count(order_id) > 1}
    places = [(snapshot.created_at, snapshot.id) for snapshot in seen]
    if skipped or repeated or places != sorted(places, reverse=True):
        raise ContractViolation(f"a walk of {where} skipped {skipped}, repeated {repeated}, in the order {places}")


def _some_instant() -> datetime:
    return SINCE + timedelta(seconds=random.randrange(SPAN_SECONDS))  # noqa: S311
