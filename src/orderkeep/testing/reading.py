"""Read all that a store keeps, page by page, as any caller could."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.ports import (
    ChangeFeed,
    FeedPage,
    ListPosition,
    OrderFilter,
    OrderQueries,
    OrderSnapshot,
    OrderStore,
)
from orderkeep.testing.violation import ContractViolation

EVERYTHING = OrderFilter()
"""No filter."""


@dataclass(frozen=True, slots=True)
class Kept:
    """All that a store shows of itself: equal before and after whatever wrote nothing."""

    orders: tuple[OrderSnapshot, ...]
    changes: tuple[ChangeDTO, ...]


async def read_all(store: OrderStore) -> Kept:
    """Return everything that the store keeps."""
    orders = [order async for page in pages(store, EVERYTHING, 100) for order in page]
    return Kept(tuple(orders), tuple(await read_feed(store)))


async def pages(store: OrderQueries, where: OrderFilter, size: int) -> AsyncIterator[list[OrderSnapshot]]:
    """Yield the pages of a list up to the first that is not full, as a caller walks it."""
    after = None
    while True:
        page = await store.list_snapshots(where, after, size)
        if len(page) > size:
            raise ContractViolation(f"a page of {size} orders holds {len(page)}")
        if after is not None and page and (page[0].created_at, page[0].id) >= (after.created_at, after.id):
            raise ContractViolation(f"the page behind {after} begins with {page[0]}: such a walk need not end")
        yield page
        if len(page) < size:
            return
        after = ListPosition(page[-1].created_at, page[-1].id)


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


def order_in(snapshot: OrderSnapshot) -> OrderDTO:
    """Return the order that a snapshot's JSON text says."""
    return msgspec.json.decode(snapshot.json, type=OrderDTO)
