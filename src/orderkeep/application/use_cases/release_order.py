"""Release an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult


class ReleaseOrderUseCase(OrderCommand):
    """End the hold of an order."""

    scope = Scope.WRITE

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the order without its hold. Raises `CannotReleaseOrder`, and like `change_order`."""
        command = ("release", None)
        return await self.change(order_id, lambda order: order.release(at=self.clock()), context, command)

    def actions(self) -> Actions:
        return {"release": lambda order, at: order.release(at=at)}
