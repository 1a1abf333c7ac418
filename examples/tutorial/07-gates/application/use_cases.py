"""What the service does, one class each. They know the domain, and neither HTTP nor SQL."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from domain.entities import Order
from domain.exceptions import ConcurrentUpdate, OrderNotFound
from domain.repositories import OrderRepository

ATTEMPTS = 5


def utc_now() -> datetime:
    return datetime.now(UTC)


class PlaceOrderUseCase:
    def __init__(self, repo: OrderRepository, clock: Callable[[], datetime] = utc_now) -> None:
        self.repo = repo
        self.clock = clock

    async def execute(self, user_id: str, total: int) -> Order:
        order = Order.place(str(uuid4()), user_id, total, at=self.clock())
        await self.repo.save(order)
        return order


class GetOrderUseCase:
    def __init__(self, repo: OrderRepository) -> None:
        self.repo = repo

    async def execute(self, order_id: str) -> Order:
        order = await self.repo.get_by_id(order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order


async def change_order(repo: OrderRepository, order_id: str, change: Callable[[Order], None]) -> None:
    """Load the order, change it and save it. If another request was faster, decide again on the newer order."""
    for _ in range(ATTEMPTS):
        order = await GetOrderUseCase(repo).execute(order_id)
        change(order)
        with suppress(ConcurrentUpdate):
            await repo.save(order)
            return
    raise ConcurrentUpdate(order_id)


class CancelOrderUseCase:
    def __init__(self, repo: OrderRepository) -> None:
        self.repo = repo

    async def execute(self, order_id: str) -> None:
        await change_order(self.repo, order_id, Order.cancel)


class ShipOrderUseCase:
    def __init__(self, repo: OrderRepository) -> None:
        self.repo = repo

    async def execute(self, order_id: str) -> None:
        await change_order(self.repo, order_id, Order.ship)
