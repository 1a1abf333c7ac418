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
    OrderStore,
    SnapshotPage,
)
from orderkeep.testing.violation import ContractViolation

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
