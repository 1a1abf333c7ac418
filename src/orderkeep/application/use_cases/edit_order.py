"""Edit an order."""

from collections.abc import Mapping
from typing import Any

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand, change_order
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ids import new_salt
from orderkeep.application.personal_data import stored_personal_data
from orderkeep.domain.entities import Order, OrderChanges
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.personal_data import PARTS, PersonalData, merged


class EditOrderUseCase(OrderCommand):
    """Change the tags, the metadata, the external reference and the personal data of an order."""

    scope = Scope.WRITE

    async def execute(
        self, order_id: str, changes: OrderChanges, context: CommandContext = SYSTEM_CONTEXT
    ) -> CommandResult:
        """Return the order after a merge patch: None removes a value, and what is not given is kept. The external
        reference can be set once.

        Raises `ExternalRefIsSet`, `InvalidInput`, and like `change_order`.
        """
        given: Mapping[str, Any] = changes
        patch = {part: given[part] for part in PARTS if part in given}

        async def decide(order: Order | None) -> Order:
            if order is None:
                raise OrderNotFound(order_id)
            now = self.clock()
            if patch:
                before = await stored_personal_data(self.repo, order_id) if order.personal_data else None
                after = merged(before, patch)
                if after != before:
                    order.set_personal_data(after, new_salt(), at=now)
            order.edit(changes, at=now)
            return order

        def is_same_data(stored: PersonalData | None) -> bool:
            return merged(stored, patch) == stored

        command = ("edit_order", {name: value for name, value in changes.items() if name not in PARTS})
        return await change_order(
            self.repo,
            order_id,
            decide,
            context,
            command,
            self.history,
            scope=self.scope,
            is_same_data=is_same_data,
        )

    def actions(self) -> Actions:
        return {"edit": lambda order, at: order.edit({}, at=at)}
