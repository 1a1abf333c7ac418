"""Look up an order."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ownership import look_at_for
from orderkeep.application.ports import OrderQueries, OrderSnapshot


class GetOrderUseCase:
    """Look up an order as it is now."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> OrderSnapshot:
        """Return the order's snapshot. Raises `NotAllowed`; `OrderNotFound` also where the order is not the actor's."""
        actor.require(Scope.READ)
        return await look_at_for(actor, self.queries, order_id)
