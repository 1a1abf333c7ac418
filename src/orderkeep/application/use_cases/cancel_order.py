"""Cancel an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, change_order, on_existing
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import Clock, OrderHistory, utc_now
from orderkeep.domain.repositories import OrderRepository


class CancelOrderUseCase:
    """Cancel an order that has not been shipped."""

    def __init__(self, repo: OrderRepository, history: OrderHistory | None = None, clock: Clock = utc_now) -> None:
        self.repo, self.history, self.clock = repo, history, clock

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
        decide = on_existing(order_id, lambda order: order.cancel(reason, note, at=self.clock()))
        return await change_order(
            self.repo, order_id, decide, context, ("cancel", [reason, note]), self.history, scope=Scope.CANCEL
        )
