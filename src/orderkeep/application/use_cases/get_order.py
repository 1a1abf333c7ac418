"""Look up an order."""

from orderkeep.application.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import OrderQueries, OrderSnapshot
from orderkeep.domain.exceptions import OrderNotFound


class GetOrderUseCase:
    """Look up an order as it is now."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> OrderSnapshot:
        """Return the order's snapshot. Raises `NotAllowed`; `OrderNotFound` also where the order is not the actor's."""
        actor.need(Scope.READ)
        snapshot = await self.queries.get_snapshot(order_id)
        if snapshot is None or not actor.may_see(snapshot.user_id):
            raise OrderNotFound(order_id)
        return snapshot
