"""Ship an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult


class ShipOrderUseCase(OrderCommand):
    """Mark an order in processing as shipped."""

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the shipped order. Raises `CannotShipOrder`, and like `change_order`."""
        command = ("ship", None)
        return await self.change(order_id, lambda order: order.ship(at=self.clock()), context, command, Scope.SHIP)
