"""Read from and write to any store in tests: whole lists and feeds, orders in each status, and interleaved calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import ParamSpec, TypeVar

import msgspec

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.ports import (
    ChangeFeed,
    FeedPage,
    ListPosition,
    OrderFilter,
    OrderQueries,
    OrderStore,
    SnapshotPage,
)
from orderkeep.domain.entities import Attribution, Order
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.testing.orders import SINCE, small_order


class ContractViolation(AssertionError):
    """The store did what no store may do; the message says what was seen."""


AT_ONCE = 10
"""How many orders are saved in one commit at most: a store may have a bound, for orders and their tags together."""


async def save_all(store: OrderStore, orders: Sequence[Order]) -> None:
    """Save many orders, in as few commits as any store takes."""
    for start in range(0, len(orders), AT_ONCE):
        await store.save(*orders[start : start + AT_ONCE])


def an_hour_later(hours: int) -> datetime:
    """Return a moment that many hours after the orders began."""
    return SINCE + timedelta(hours=hours)


async def loaded(store: OrderStore, order_id: str) -> Order:
    """Return an order that is known to be there."""
    order = await store.get_by_id(order_id)
    assert order is not None, f"{order_id} was saved, and is not there"
    return order


async def save_a_delivered_order(store: OrderStore, order_id: str = "order-1") -> list[ChangeDTO]:
    """Save an order in four commits, an hour apart, and return its changes."""
    order = small_order(order_id)
    await store.save(order)
    for hour, move in enumerate((order.confirm, order.ship, order.deliver), start=1):
        move(at=an_hour_later(hour))
        order.set_attribution(Attribution(f"staff:{hour}"))
        await store.save(order)
    return await store.list_changes(order_id, 0, 10)


EVERYTHING = OrderFilter()
"""No filter."""


@dataclass(frozen=True, slots=True)
class Kept:
    """All that a store shows of itself: equal before and after whatever wrote nothing."""

    documents: tuple[bytes, ...]
    changes: tuple[ChangeDTO, ...]


async def read_all(store: OrderStore) -> Kept:
    """Return everything that the store keeps."""
    documents = [document async for page in pages(store, EVERYTHING, 100) for document in page.documents]
    return Kept(tuple(documents), tuple(await read_feed(store)))


async def list_orders(
    store: OrderQueries, where: OrderFilter = EVERYTHING, after: ListPosition | None = None, limit: int = 1_000
) -> list[OrderDTO]:
    """Return the orders of one page of a list."""
    return orders_on(await store.list_page(where, after, limit))


async def pages(store: OrderQueries, where: OrderFilter, size: int) -> AsyncIterator[SnapshotPage]:
    """Yield the pages of a list from the first to the last, as a client reads them."""
    after = None
    while True:
        page = await store.list_page(where, after, size)
        orders = orders_on(page)
        positions = [(order.created_at, order.id) for order in orders]
        if len(orders) > size:
            raise ContractViolation(f"a page of {size} orders contains {len(orders)}")
        if after is not None and orders and positions[0] >= (after.created_at, after.id):
            raise ContractViolation(f"the page after {after} begins with {orders[0]}: such a list need not end")
        if page.next is not None and (page.next.created_at, page.next.id) != positions[-1]:
            raise ContractViolation(f"a page that ends with {positions[-1]} continues at {page.next}")
        yield page
        if page.next is None:
            return
        after = page.next


async def read_feed(store: ChangeFeed, after: str | None = None, size: int = 100) -> list[ChangeDTO]:
    """Return all changes behind a position."""
    changes: list[ChangeDTO] = []
    while True:
        page = await feed_page(store, after, size)
        if not page.changes:
            return changes
        changes += page.changes
        after = page.position


async def feed_page(store: ChangeFeed, after: str | None, size: int) -> FeedPage:
    """Return the changes behind a position, seen to be no more than were asked for, and to lead on."""
    page = await store.read_changes(after, size)
    if len(page.changes) > size:
        raise ContractViolation(f"a page of {size} changes holds {len(page.changes)}")
    if page.changes and page.position == after:
        raise ContractViolation(f"the page behind position {after} leads back to it, and holds {page.changes}")
    return page


def order_in(document: bytes) -> OrderDTO:
    """Return the order of a stored document."""
    return msgspec.json.decode(document, type=OrderDTO)


def orders_on(page: SnapshotPage) -> list[OrderDTO]:
    """Return the orders of a page."""
    return [order_in(document) for document in page.documents]


MOST_TURNS = 3

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Calls:
    """How many calls a store got, how many saves it refused as concurrent, and how often it could not answer."""

    operations: int = 0
    conflicts: int = 0
    unavailable: int = 0


class WatchedStore(OrderStore):
    """Hands every call on to a store, and gives other tasks a few turns before and behind it: in memory nothing would
    ever happen at once, and elsewhere what happens at once changes from round to round.
    """

    def __init__(self, store: OrderStore) -> None:
        self.store, self.calls = store, Calls()
        self._chance = Random()  # noqa: S311  # variety, not secrets

    async def get_by_id(self, order_id: str) -> Order | None:
        return await self._watched(self.store.get_by_id, order_id)

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        try:
            return await self._watched(self.store.save, *orders)
        except ConcurrentUpdate:
            self.calls.conflicts += 1
            raise

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        return await self._watched(self.store.get_snapshot, order_id)

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        return await self._watched(self.store.list_page, where, after, limit)

    async def get_change(self, order_id: str, version: int) -> ChangeDTO | None:
        return await self._watched(self.store.get_change, order_id, version)

    async def get_change_at(self, order_id: str, instant: datetime) -> ChangeDTO | None:
        return await self._watched(self.store.get_change_at, order_id, instant)

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        return await self._watched(self.store.list_changes, order_id, after_version, limit)

    async def read_changes(self, after: str | None, limit: int) -> FeedPage:
        return await self._watched(self.store.read_changes, after, limit)

    async def ping(self) -> None:
        await self._watched(self.store.ping)

    async def close(self) -> None:
        await self.store.close()

    async def _watched(self, call: Callable[P, Awaitable[T]], *given: P.args, **named: P.kwargs) -> T:
        self.calls.operations += 1
        await self._let_others_go_first()
        try:
            return await call(*given, **named)
        except StoreUnavailable:
            self.calls.unavailable += 1
            raise
        finally:
            await self._let_others_go_first()

    async def _let_others_go_first(self) -> None:
        for _ in range(self._chance.randrange(MOST_TURNS)):
            await asyncio.sleep(0)
