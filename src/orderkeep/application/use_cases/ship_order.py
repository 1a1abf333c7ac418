"""Ship an order."""

from datetime import datetime

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import Command


class ShipOrderUseCase(OrderCommand):
    """Ship all units of an order that are left."""

    scope = Scope.SHIP

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the shipped order. Raises `CannotShipOrder`, `OrderOnHold`, `PaymentRequired`, and like
        `change_order`.
        """
        return await self.change(order_id, lambda order: self._ship(order, self.clock()), context, ("ship", None))

    def actions(self) -> Actions:
        return {"ship": self._ship}

    def _ship(self, order: Order, at: datetime) -> None:
        self.policies.check(Command.SHIP, order)
        order.ship(at=at)
