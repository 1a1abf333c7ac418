"""A store in which another writer acts at a chosen moment: races with the same outcome every time."""

from collections.abc import Awaitable, Callable

from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository

Act = Callable[[], Awaitable[object]]


class InterleavedStore(InMemoryOrderRepository):
    """Runs `act` once, right before the call that was chosen: `("get_by_id", 2)` is the second load."""

    def __init__(self, *orders: Order) -> None:
        super().__init__(orders)
        self.calls: list[tuple[str, int]] = []
        self.moment: tuple[str, int] | None = None
        self.act: Act | None = None

    def let_act(self, act: Act, method: str, nth: int = 1) -> None:
        """Choose the moment, counted from now."""
        self.calls, self.moment, self.act = [], (method, nth), act

    async def get_by_id(self, order_id: str) -> Order | None:
        await self._reached("get_by_id")
        return await super().get_by_id(order_id)

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        await self._reached("save")
        return await super().save(*orders)

    async def _reached(self, method: str) -> None:
        self.calls.append((method, 1 + sum(name == method for name, _ in self.calls)))
        if self.act is not None and self.calls[-1] == self.moment:
            act, self.act = self.act, None
            await act()
