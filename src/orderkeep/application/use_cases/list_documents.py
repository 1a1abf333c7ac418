"""List an order's documents."""

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.ownership import load_for
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.value_objects import Document


class ListDocumentsUseCase:
    """List an order's documents, oldest first."""

    def __init__(self, repo: OrderRepository) -> None:
        self.repo = repo

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> tuple[Document, ...]:
        """Return all of them. Raises `NotAllowed`; `OrderNotFound` also where the order is not the actor's."""
        actor.require(Scope.READ)
        order = await load_for(actor, self.repo, order_id)
        if order is None:
            raise OrderNotFound(order_id)
        return order.documents
