"""Put an order on hold."""

from datetime import datetime

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order


class HoldOrderUseCase(OrderCommand):
    """Put an order on hold, so that it can be neither confirmed nor shipped."""

    scope = Scope.WRITE

    async def execute(
        self,
        order_id: str,
        reason: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        note: str | None = None,
        until: datetime | None = None,
    ) -> CommandResult:
        """Return the order on hold until it is released, or until a time. An earlier hold is replaced.

        Raises `CannotHoldOrder`, `InvalidInput`, and like `change_order`.
        """

        def hold(order: Order) -> None:
            order.put_on_hold(reason, note, until, at=self.clock())

        return await self.change(order_id, hold, context, ("hold", [reason, note, until]))

    def actions(self) -> Actions:
        return {"hold": lambda order, at: order.put_on_hold("trial", at=at)}
