"""Deliver a shipment."""

from datetime import datetime

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order


class DeliverShipmentUseCase(OrderCommand):
    """Record that a shipment was delivered."""

    scope = Scope.SHIP

    async def execute(
        self,
        order_id: str,
        shipment_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        occurred_at: datetime | None = None,
    ) -> CommandResult:
        """Return the order. A second report of the delivery changes nothing. `occurred_at` is now by default.

        Raises `ShipmentNotFound`, `InvalidInput`, and like `change_order`.
        """

        def deliver(order: Order) -> None:
            order.deliver_shipment(shipment_id, occurred_at, at=self.clock())

        return await self.change(order_id, deliver, context, ("deliver_shipment", [shipment_id, occurred_at]))

    def actions(self) -> Actions:
        def deliver(order: Order, at: datetime) -> None:
            left = [each.id for each in order.shipments if each.delivered_at is None]
            order.deliver_shipment(left[0] if left else "s1", at=at)

        return {"deliver_shipment": deliver}
