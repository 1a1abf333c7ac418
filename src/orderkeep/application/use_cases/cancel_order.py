"""Cancel an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order


class CancelOrderUseCase(OrderCommand):
    """Cancel an order that has not been shipped."""

    scope = Scope.CANCEL

    async def execute(
        self,
        order_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        reason: str | None = None,
        note: str | None = None,
    ) -> CommandResult:
        """Return the cancelled order. `reason` has up to 100 characters, `note` up to 1,000.

        Raises `CannotCancelOrder`, `InvalidInput`, and like `change_order`.
        """

        def cancel(order: Order) -> None:
            order.cancel(reason, note, at=self.clock())

        return await self.change(order_id, cancel, context, ("cancel", [reason, note]))

    def actions(self) -> Actions:
        return {"cancel": lambda order, at: order.cancel(at=at)}
