"""Confirm an order."""

from datetime import datetime

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import Command


class ConfirmOrderUseCase(OrderCommand):
    """Confirm a pending order and start processing it."""

    scope = Scope.WRITE

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the order in processing. Raises `CannotConfirmOrder`, `OrderOnHold`, `PaymentRequired`, and like
        `change_order`.
        """
        return await self.change(order_id, lambda order: self._confirm(order, self.clock()), context, ("confirm", None))

    def actions(self) -> Actions:
        return {"confirm": self._confirm}

    def _confirm(self, order: Order, at: datetime) -> None:
        self.policies.check(Command.CONFIRM, order)
        order.confirm(at=at)
