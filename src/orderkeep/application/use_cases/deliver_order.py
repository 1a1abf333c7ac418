"""Deliver an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult


class DeliverOrderUseCase(OrderCommand):
    """Mark a shipped order as delivered."""

    scope = Scope.SHIP

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the delivered order. Raises `CannotDeliverOrder`, and like `change_order`."""
        command = ("deliver", None)
        return await self.change(order_id, lambda order: order.deliver(at=self.clock()), context, command)

    def actions(self) -> Actions:
        return {"deliver": lambda order, at: order.deliver(at=at)}
