"""Close a return without receiving it."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand, Trial
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.returns import ReturnState, to_close


class CloseReturnUseCase(OrderCommand):
    """Reject or cancel a return."""

    scope = Scope.REFUND

    async def execute(
        self,
        order_id: str,
        return_id: str,
        outcome: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        note: str | None = None,
    ) -> CommandResult:
        """Return the order. `outcome` is `rejected` or `cancelled`.

        Raises `ReturnNotFound`, `ReturnAlreadyClosed`, `InvalidInput`, and like `change_order`.
        """

        def close(order: Order) -> None:
            order.close_return(return_id, outcome, note, at=self.clock())

        command = ("close_return", [return_id, outcome, note])
        return await self.change(order_id, close, context, command)

    def actions(self) -> Actions:
        def close_as(outcome: str) -> Trial:
            return lambda order, at: order.close_return(to_close(order.returns), outcome, at=at)

        return {"reject_return": close_as(ReturnState.REJECTED), "cancel_return": close_as(ReturnState.CANCELLED)}
