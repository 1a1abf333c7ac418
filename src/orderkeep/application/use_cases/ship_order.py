"""Ship an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import Command


class ShipOrderUseCase(OrderCommand):
    """Ship all units of an order that are left."""

    async def execute(self, order_id: str, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the shipped order. Raises `CannotShipOrder`, `OrderOnHold`, `PaymentRequired`, and like
        `change_order`.
        """

        def ship(order: Order) -> None:
            self.policies.check(Command.SHIP, order)
            order.ship(at=self.clock())

        return await self.change(order_id, ship, context, ("ship", None), Scope.SHIP)
