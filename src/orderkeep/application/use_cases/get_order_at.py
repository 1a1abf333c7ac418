"""Get an earlier state of an order."""

from datetime import datetime

from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.application.dtos import OrderDTO, visible_order
from orderkeep.application.ports import OrderHistory, OrderQueries
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.domain.exceptions import VersionNotFound
from orderkeep.domain.value_objects import in_utc


class GetOrderAtUseCase:
    """Get the state of an order at a version or a time."""

    def __init__(self, queries: OrderQueries, history: OrderHistory) -> None:
        self.get_order, self.history = GetOrderUseCase(queries), history

    async def execute(self, order_id: str, at: int | datetime, actor: Actor = SYSTEM) -> OrderDTO:
        """Return the order at a version (from 1) or at a time, without personal data.

        Raises `OrderNotFound`, and `VersionNotFound` if the version does not exist, or the order did not at that time.
        """
        snapshot = await self.get_order.find(order_id, actor)
        if isinstance(at, datetime):
            change = await self.history.get_change_at(order_id, in_utc(at))
            missing = "the order did not exist at this time"
        else:
            change = await self.history.get_change(order_id, at) if 1 <= at <= snapshot.version else None
            missing = f"the order has no version {at}"
        if change is None:
            raise VersionNotFound(order_id, missing)
        return visible_order(change.order, actor)
