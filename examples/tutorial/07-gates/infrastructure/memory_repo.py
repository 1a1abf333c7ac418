"""Orders in memory, for tests."""

import asyncio
from dataclasses import replace

from domain.entities import Order
from domain.exceptions import ConcurrentUpdate
from domain.repositories import OrderRepository


class InMemoryOrderRepository(OrderRepository):
    def __init__(self, orders: list[Order] | None = None) -> None:
        self._orders = {order.id: replace(order) for order in orders or []}

    async def get_by_id(self, order_id: str) -> Order | None:
        order = self._orders.get(order_id)
        await asyncio.sleep(0)  # other requests run meanwhile, as with a database
        return order and replace(order)  # a copy: changing it changes nothing here until it is saved

    async def save(self, order: Order) -> None:
        stored = self._orders.get(order.id)
        if order.version != (stored.version if stored else 0):
            raise ConcurrentUpdate(order.id)
        order.version += 1
        self._orders[order.id] = replace(order)
