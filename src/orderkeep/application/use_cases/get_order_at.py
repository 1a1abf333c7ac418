"""Look up an order as it was."""

from datetime import datetime

from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import OrderHistory, OrderQueries
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.domain.exceptions import VersionNotFound
from orderkeep.domain.value_objects import in_utc


class GetOrderAtUseCase:
    """Look up an order as it was at a version or at an instant."""

    def __init__(self, queries: OrderQueries, history: OrderHistory) -> None:
        self.get_order, self.history = GetOrderUseCase(queries), history

    async def execute(self, order_id: str, at: int | datetime, actor: Actor = SYSTEM) -> OrderDTO:
        """Return the order at a version (a number from 1) or at an instant.

        Raises `OrderNotFound`, and `VersionNotFound` where there is no such version or the order did not exist yet.
        """
        snapshot = await self.get_order.execute(order_id, actor)
        if isinstance(at, datetime):
            change = await self.history.get_change_at(order_id, in_utc(at))
            missing = "the order did not exist at this time"
        else:
            change = await self.history.get_change(order_id, at) if 1 <= at <= snapshot.version else None
            missing = f"the order has no version {at}"
        if change is None:
            raise VersionNotFound(order_id, missing)
        return change.order
