"""Receive a return."""

from collections.abc import Sequence

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.returns import ReturnedUnits, to_close


class ReceiveReturnUseCase(OrderCommand):
    """Record which units of a return arrived, and in which condition."""

    scope = Scope.REFUND

    async def execute(
        self,
        order_id: str,
        return_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        lines: Sequence[ReturnedUnits] = (),
        note: str | None = None,
    ) -> CommandResult:
        """Return the order. By default, the requested units arrived. Their value is suggested for a refund; nothing is
        refunded.

        Raises `ReturnNotFound`, `ReturnAlreadyClosed`, `QuantityNotAvailable`, `InvalidInput`, and like `change_order`.
        """

        def receive(order: Order) -> None:
            order.receive_return(return_id, lines, note, at=self.clock())

        command = ("receive_return", [return_id, tuple(lines), note])
        return await self.change(order_id, receive, context, command)

    def actions(self) -> Actions:
        return {"receive_return": lambda order, at: order.receive_return(to_close(order.returns), at=at)}
