"""Place an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, OrderCommand, change_order
from orderkeep.application.dtos import CommandResult, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.ids import new_order_id, order_id_for_key
from orderkeep.domain.entities import Order


class PlaceOrderUseCase(OrderCommand):
    """Place an order. Lines are optional; if there are any, they must add up to the total."""

    async def execute(self, command: PlaceOrder, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the placed order, confirmed already if the policies say so. With a key, its id is derived from the
        actor and the key, so that a repeated request finds the first one's order. Raises `InvalidOrder`, and like
        `change_order`.
        """
        order_id = new_order_id() if context.key is None else order_id_for_key(context.actor, context.key)

        def decide(found: Order | None) -> Order:
            if found is not None:
                raise IdempotencyKeyReused
            order = command.to_order(order_id, self.clock())
            self.policies.confirm_if_ready(order)
            return order

        named = ("place", command)
        return await change_order(
            self.repo, order_id, decide, context, named, self.history, scope=Scope.WRITE, is_new=True
        )
