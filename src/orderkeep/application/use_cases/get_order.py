"""Get an order."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ownership import look_at_for
from orderkeep.application.ports import OrderQueries, OrderSnapshot


class GetOrderUseCase:
    """Get the current state of an order."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> OrderSnapshot:
        """Return the order's snapshot. Raises `NotAllowed`, and `OrderNotFound`, also for another customer's order."""
        actor.require(Scope.READ)
        return await look_at_for(actor, self.queries, order_id)
