"""Get an order."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.dtos import visible_document
from orderkeep.application.personal_data import complete, has_personal_data
from orderkeep.application.ports import OrderQueries
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.repositories import OrderSnapshot


class GetOrderUseCase:
    """Get the current state of an order."""

    def __init__(self, queries: OrderQueries) -> None:
        self.queries = queries

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> OrderSnapshot:
        """Return the order with its personal data, to a customer without internal notes. Raises `NotAllowed`, and
        `OrderNotFound` also if the order is not the actor's.
        """
        snapshot = await self.find(order_id, actor)
        if not has_personal_data(snapshot.json):  # most orders
            return snapshot
        return snapshot._replace(json=(await complete(self.queries, [snapshot.json]))[0])

    async def find(self, order_id: str, actor: Actor) -> OrderSnapshot:
        """Return the order without its personal data. Raises the same."""
        actor.require(Scope.READ)
        snapshot = await self.queries.get_snapshot(order_id)
        if snapshot is None or not actor.may_see(snapshot.user_id):
            raise OrderNotFound(order_id)
        if actor.sees_all:
            return snapshot
        return snapshot._replace(json=visible_document(snapshot.json, actor))
