"""Confirm an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import Command


class ConfirmOrderUseCase(OrderCommand):
    """Confirm a pending order and start processing it."""

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the order in processing. Raises `CannotConfirmOrder`, `OrderOnHold`, `PaymentRequired`, and like
        `change_order`.
        """

        def confirm(order: Order) -> None:
            self.policies.check(Command.CONFIRM, order)
            order.confirm(at=self.clock())

        return await self.change(order_id, confirm, context, ("confirm", None), Scope.WRITE)
