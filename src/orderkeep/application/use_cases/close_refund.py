"""Close a refund."""

from datetime import datetime

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.payments import RefundStatus


class CloseRefundUseCase(OrderCommand):
    """Record that a refund succeeded or failed."""

    scope = Scope.REFUND

    async def execute(
        self,
        order_id: str,
        reference: str,
        status: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        occurred_at: datetime | None = None,
    ) -> CommandResult:
        """Return the order. `status` is `succeeded` or `failed`; the same one again changes nothing. `occurred_at` is
        now by default.

        Raises `RefundNotFound`, `RefundAlreadyFailed`, `InvalidInput`, and like `change_order`.
        """

        def close(order: Order) -> None:
            order.close_refund(reference, status, occurred_at, at=self.clock())

        command = ("close_refund", [reference, status, occurred_at])
        return await self.change(order_id, close, context, command)

    def actions(self) -> Actions:
        def close(order: Order, at: datetime) -> None:
            refunds = sorted(order.refunds, key=lambda each: each.status == RefundStatus.FAILED)
            order.close_refund(refunds[0].reference if refunds else "", RefundStatus.FAILED, at=at)

        return {"close_refund": close}
