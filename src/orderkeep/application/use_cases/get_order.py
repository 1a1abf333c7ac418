"""Look up an order."""

from orderkeep.application.actor import SYSTEM, Actor, Scope
from orderkeep.application.ports import OrderQueries, OrderSnapshot
from orderkeep.application.seen_orders import look_at_for


class GetOrderUseCase:
    """Look up an order as it is now."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> OrderSnapshot:
        """Return the order's snapshot. Raises `NotAllowed`; `OrderNotFound` also where the order is not the actor's."""
        actor.need(Scope.READ)
        return await look_at_for(actor, self.queries, order_id)
