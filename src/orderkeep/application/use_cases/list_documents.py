"""List the documents of an order."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ownership import load_for
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.value_objects import Document


class ListDocumentsUseCase:
    """List the documents of an order, oldest first."""

    def __init__(self, repo: OrderRepository) -> None:
        self.repo = repo

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> tuple[Document, ...]:
        """Return all documents. Raises `NotAllowed`, and `OrderNotFound`, also for another customer's order."""
        actor.require(Scope.READ)
        order = await load_for(actor, self.repo, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order.documents
