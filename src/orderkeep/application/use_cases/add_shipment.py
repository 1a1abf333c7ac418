"""Add a shipment."""

from collections.abc import Sequence
from datetime import datetime

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lifecycle import Command
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.shipments import Tracking


class AddShipmentUseCase(OrderCommand):
    """Record that units of an order were shipped together."""

    scope = Scope.SHIP

    async def execute(
        self,
        order_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        lines: Sequence[LineQuantity] = (),
        carrier: str | None = None,
        tracking_number: str | None = None,
        tracking_url: str | None = None,
        occurred_at: datetime | None = None,
    ) -> CommandResult:
        """Return the order. By default, all units that are left are shipped, now.

        Raises `OrderNotConfirmed`, `NothingToShip`, `OrderOnHold`, `PaymentRequired`, `QuantityNotAvailable`,
        `TooManyRecords`, `InvalidInput`, and like `change_order`.
        """
        tracking = Tracking(carrier, tracking_number, tracking_url)

        def add(order: Order) -> None:
            self.policies.check(Command.SHIP, order)
            order.add_shipment(lines, tracking, occurred_at, at=self.clock())

        command = ("add_shipment", [tuple(lines), carrier, tracking_number, tracking_url, occurred_at])
        return await self.change(order_id, add, context, command)

    def actions(self) -> Actions:
        return {"add_shipment": self._try}

    def _try(self, order: Order, at: datetime) -> None:
        self.policies.check(Command.SHIP, order)
        order.add_shipment(at=at)
