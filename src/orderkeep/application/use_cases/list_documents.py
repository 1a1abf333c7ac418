"""List the documents of an order."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import load_order
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.value_objects import Document


class ListDocumentsUseCase:
    """List the documents of an order, oldest first."""

    def __init__(self, repo: OrderRepository) -> None:
        self.repo = repo

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> tuple[Document, ...]:
        """Return all of them. Raises `NotAllowed`; `OrderNotFound` also if the order is not the actor's."""
        actor.require(Scope.READ)
        order = await load_order(self.repo, order_id, actor)
        if order is None:
            raise OrderNotFound(order_id)
        return order.documents
