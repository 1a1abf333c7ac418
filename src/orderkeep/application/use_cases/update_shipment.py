"""Update a shipment."""

from collections.abc import Mapping

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult


class UpdateShipmentUseCase(OrderCommand):
    """Change the carrier, tracking number or tracking URL of a shipment."""

    scope = Scope.SHIP

    async def execute(
        self,
        order_id: str,
        shipment_id: str,
        changes: Mapping[str, str | None],
        context: CommandContext = SYSTEM_CONTEXT,
    ) -> CommandResult:
        """Return the order. `changes` are the new values of `carrier`, `tracking_number` and `tracking_url`; None
        removes a value, and a value that is not given is kept.

        Raises `ShipmentNotFound`, `InvalidInput`, and like `change_order`.
        """
        command = ("update_shipment", [shipment_id, dict(changes)])
        return await self.change(
            order_id,
            lambda order: order.update_shipment(shipment_id, changes, at=self.clock()),
            context,
            command,
        )

    def actions(self) -> Actions:
        return {"update_shipment": lambda order, at: order.update_shipment("s1", {}, at=at)}
