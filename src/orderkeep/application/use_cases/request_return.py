"""Request a return."""

from collections.abc import Sequence

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.lines import LineQuantity


class RequestReturnUseCase(OrderCommand):
    """Record that delivered units are to be returned."""

    scope = Scope.CANCEL

    async def execute(
        self,
        order_id: str,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        lines: Sequence[LineQuantity] = (),
        reason: str | None = None,
    ) -> CommandResult:
        """Return the order with the new return; by default, of all delivered units. Customers may request it, as they
        may cancel.

        Raises `NothingToReturn`, `QuantityNotAvailable`, `TooManyRecords`, `InvalidInput`, and like `change_order`.
        """

        def request(order: Order) -> None:
            order.request_return(lines, reason, at=self.clock())

        command = ("request_return", [tuple(lines), reason])
        return await self.change(order_id, request, context, command)

    def actions(self) -> Actions:
        return {"request_return": lambda order, at: order.request_return(at=at)}
