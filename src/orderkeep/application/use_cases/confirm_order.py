"""Confirm an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult


class ConfirmOrderUseCase(OrderCommand):
    """Confirm a pending order and start processing it."""

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the order in processing. Raises `CannotConfirmOrder`, and like `change_order`."""
        command = ("confirm", None)
        return await self.change(order_id, lambda order: order.confirm(at=self.clock()), context, command, Scope.WRITE)
