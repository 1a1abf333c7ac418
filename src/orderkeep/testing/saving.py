"""Put orders into a store, as far along as a test needs them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.events import Attribution
from orderkeep.testing.orders import SINCE, small_order

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
