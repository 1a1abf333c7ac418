"""Cancel units of an order."""

from collections.abc import Sequence

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lines import LineQuantity


class CancelLinesUseCase(OrderCommand):
    """Cancel units of an order that have not been shipped."""

    scope = Scope.CANCEL

    async def execute(
        self,
        order_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        lines: Sequence[LineQuantity] = (),
        reason: str | None = None,
        note: str | None = None,
    ) -> CommandResult:
        """Return the order, which is cancelled if no units are left. By default, all units that are left are
        cancelled.

        Raises `NothingToCancel`, `QuantityNotAvailable`, `InvalidInput`, and like `change_order`.
        """

        def cancel(order: Order) -> None:
            order.cancel_lines(lines, reason, note, at=self.clock())

        command = ("cancel_lines", [tuple(lines), reason, note])
        return await self.change(order_id, cancel, context, command)

    def actions(self) -> Actions:
        return {"cancel_lines": lambda order, at: order.cancel_lines(at=at)}
