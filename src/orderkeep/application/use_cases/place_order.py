"""Place an order."""

from dataclasses import replace

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, OrderCommand, change_order
from orderkeep.application.dtos import CommandResult, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.ids import new_order_id, new_salt, order_id_for_key
from orderkeep.domain.entities import Order
from orderkeep.domain.personal_data import PersonalData


class PlaceOrderUseCase(OrderCommand):
    """Place an order. Lines are optional; if there are any, they must add up to the total."""

    scope = Scope.WRITE

    async def execute(self, command: PlaceOrder, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the placed order, confirmed already if the policies say so. With a key, its id is derived from the
        actor and the key, so that a repeated request finds the first one's order. Raises `InvalidOrder`, and like
        `change_order`.
        """
        order_id = new_order_id() if context.key is None else order_id_for_key(context.actor, context.key)

        def decide(found: Order | None) -> Order:
            if found is not None:
                raise IdempotencyKeyReused
            order = command.to_order(order_id, self.clock(), b"" if command.personal is None else new_salt())
            self.policies.confirm_if_ready(order)
            return order

        def is_same_data(stored: PersonalData | None) -> bool:
            return stored == command.personal

        return await change_order(
            self.repo,
            order_id,
            decide,
            context,
            ("place", command if command.personal is None else replace(command, personal=None)),
            self.history,
            scope=self.scope,
            is_new=True,
            is_same_data=is_same_data,
        )
