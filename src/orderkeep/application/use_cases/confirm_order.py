"""Confirm an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, change_order, on_existing
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import Clock, OrderHistory, utc_now
from orderkeep.domain.repositories import OrderRepository


class ConfirmOrderUseCase:
    """Confirm a pending order and start processing it."""

    def __init__(self, repo: OrderRepository, history: OrderHistory | None = None, clock: Clock = utc_now) -> None:
        self.repo, self.history, self.clock = repo, history, clock

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the order in processing. Raises `CannotConfirmOrder`, and like `change_order`."""
        decide = on_existing(order_id, lambda order: order.confirm(at=self.clock()))
        command = ("confirm", None)
        return await change_order(self.repo, order_id, decide, context, command, self.history, scope=Scope.WRITE)
