"""Export all that is stored about a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from orderkeep.application.access.actor import SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.dtos import ChangeDTO, visible_change
from orderkeep.application.personal_data import id_of
from orderkeep.application.ports import OrderFilter, OrderStore
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.application.use_cases.list_orders import LARGEST_PAGE


@dataclass(frozen=True, slots=True)
class PersonOrder:
    """An order as the customer may see it: its JSON with personal data, and its changes, oldest first."""

    json: bytes
    changes: tuple[ChangeDTO, ...]


class ExportPersonUseCase:
    """Export all orders of a user as the user may see them, with personal data, notes and history."""

    def __init__(self, store: OrderStore) -> None:
        self.store, self.export_orders = store, ExportOrdersUseCase(store)

    async def execute(self, user_id: str, actor: Actor = SYSTEM) -> AsyncIterator[PersonOrder]:
        """Yield the orders, newest first; none if the user has no orders, or the actor is another customer. Raises
        `NotAllowed`.
        """
        actor.require(Scope.READ)
        if not actor.may_see(user_id):
            return
        person = Actor(ActorKind.CUSTOMER, user_id)
        async for document in self.export_orders.execute(OrderFilter(user_id=user_id), person):
            yield PersonOrder(document, await self._changes(id_of(document), person))

    async def _changes(self, order_id: str, person: Actor) -> tuple[ChangeDTO, ...]:
        found: list[ChangeDTO] = []
        while page := await self.store.list_changes(order_id, len(found), LARGEST_PAGE):
            found += [visible_change(change, person) for change in page]
        return tuple(found)
