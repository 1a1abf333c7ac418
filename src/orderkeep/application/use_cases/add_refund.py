"""Add a refund."""

from collections.abc import Sequence
from uuid import uuid4

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lines import LineQuantity


class AddRefundUseCase(OrderCommand):
    """Add a refund before it is started at the payment provider; it cannot exceed the captured payments."""

    scope = Scope.REFUND

    async def execute(
        self,
        order_id: str,
        reference: str,
        amount: int,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        reason: str | None = None,
        lines: Sequence[LineQuantity] = (),
    ) -> CommandResult:
        """Return the order. The same refund again changes nothing. `amount` is in minor units; `lines` says for which
        units the refund is, and changes no quantity.

        Raises `RefundExceedsPayments`, `RecordedDifferently`, `TooManyRecords`, `InvalidInput`, and like
        `change_order`.
        """

        def add(order: Order) -> None:
            order.add_refund(reference, amount, reason, lines, at=self.clock())

        command = ("add_refund", [reference, amount, reason, tuple(lines)])
        return await self.change(order_id, add, context, command)

    def actions(self) -> Actions:
        return {"add_refund": lambda order, at: order.add_refund(str(uuid4()), 1, at=at)}
