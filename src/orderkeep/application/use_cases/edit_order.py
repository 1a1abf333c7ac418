"""Edit an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import OrderChanges


class EditOrderUseCase(OrderCommand):
    """Change the tags, the metadata and the external reference of an order."""

    async def execute(
        self, order_id: str, changes: OrderChanges, context: CommandContext = SYSTEM_CONTEXT
    ) -> CommandResult:
        """Return the order after a merge patch: None removes a value, and what is not given is kept. The external
        reference can be set once.

        Raises `ExternalRefIsSet`, `InvalidInput`, and like `change_order`.
        """
        command = ("edit_order", dict(changes))
        return await self.change(
            order_id, lambda order: order.edit(changes, at=self.clock()), context, command, Scope.WRITE
        )
