"""Write to and read from any store in tests: orders in each status, whole lists, whole feeds."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import astuple
from datetime import timedelta

import msgspec

from orderkeep.application.dtos import ChangeDTO, OrderDTO
from orderkeep.application.ports import FeedPage, ListPosition, OrderFilter, OrderStore, SnapshotPage
from orderkeep.domain.attribution import Attribution
from orderkeep.domain.entities import Order
from orderkeep.testing.orders import SINCE, small_order

EVERYTHING = OrderFilter()
"""No filter."""


async def save_all(store: OrderStore, orders: Sequence[Order]) -> None:
    """Save many orders, ten in a commit: a store may limit orders and their tags together."""
    for start in range(0, len(orders), 10):
        await store.save(*orders[start : start + 10])


async def loaded(store: OrderStore, order_id: str) -> Order:
    """Return an order that must exist."""
    order = await store.get_by_id(order_id)
    assert order is not None, f"{order_id} was saved and is missing"
    return order


async def save_a_delivered_order(store: OrderStore, order_id: str = "order-1") -> list[ChangeDTO]:
    """Save an order in four commits, an hour apart, and return its changes."""
    order = small_order(order_id)
    await store.save(order)
    for hour, move in enumerate((order.confirm, order.ship, order.deliver), start=1):
        move(at=SINCE + timedelta(hours=hour))
        order.set_attribution(Attribution(f"staff:{hour}"))
        await store.save(order)
    return await store.list_changes(order_id, 0, 10)


async def read_all(store: OrderStore) -> tuple[list[bytes], list[ChangeDTO]]:
    """Return all documents and changes in the store: equal before and after a call that writes nothing."""
    documents = [document async for page in pages(store, EVERYTHING, 100) for document in page.documents]
    return documents, await read_feed(store)


def order_in(document: bytes) -> OrderDTO:
    """Return the order of a stored document."""
    return msgspec.json.decode(document, type=OrderDTO)


def orders_on(page: SnapshotPage) -> list[OrderDTO]:
    """Return the orders of a page."""
    return [order_in(document) for document in page.documents]


async def list_orders(
    store: OrderStore, where: OrderFilter = EVERYTHING, after: ListPosition | None = None, limit: int = 1_000
) -> list[OrderDTO]:
    """Return the orders of one page of a list."""
    return orders_on(await store.list_page(where, after, limit))


async def pages(store: OrderStore, where: OrderFilter, size: int) -> AsyncIterator[SnapshotPage]:
    """Yield the pages of a list from the first to the last."""
    after: ListPosition | None = None
    while True:
        page = await store.list_page(where, after, size)
        positions = [ListPosition(order.created_at, order.id) for order in orders_on(page)]
        assert len(positions) <= size, f"a page of {size} orders contains {len(positions)}"
        assert page.next in (None, *positions[-1:]), f"a page that ends with {positions} continues at {page.next}"
        yield page
        if page.next is None:
            return
        assert after is None or astuple(page.next) < astuple(after), f"the page after {after} leads back to {page.next}"
        after = page.next


async def read_feed(store: OrderStore, after: int = 0, size: int = 100) -> list[ChangeDTO]:
    """Return all changes after a position."""
    changes: list[ChangeDTO] = []
    while (page := await feed_page(store, after, size)).changes:
        changes += page.changes
        after = page.position
    return changes


async def feed_page(store: OrderStore, after: int, size: int) -> FeedPage:
    """Return the changes after a position, at most `size`, and check the position of the last one."""
    page = await store.read_changes(after, size)
    assert len(page.changes) <= size, f"a page of {size} changes contains {len(page.changes)}"
    assert page.position == after + len(page.changes), (
        f"a page of {len(page.changes)} changes after position {after} ends at {page.position}"
    )
    return page
