"""Place an order."""

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, CommandContext, change_order
from orderkeep.application.dtos import CommandResult, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.ids import new_order_id, order_id_for_key
from orderkeep.application.ports import Clock, OrderHistory, utc_now
from orderkeep.domain.entities import Order
from orderkeep.domain.repositories import OrderRepository


class PlaceOrderUseCase:
    """Place an order. Lines are optional; if there are any, they must add up to the total."""

    def __init__(self, repo: OrderRepository, history: OrderHistory | None = None, clock: Clock = utc_now) -> None:
        self.repo, self.history, self.clock = repo, history, clock

    async def execute(self, command: PlaceOrder, context: CommandContext = SYSTEM_CONTEXT) -> CommandResult:
        """Return the placed order. With a key, its id is derived from the actor and the key, so that a repeated request
        finds the first one's order. Raises `NotAllowed`, `InvalidOrder`, `IdempotencyKeyReused`, `StoreUnavailable`.
        """
        context.actor.require(Scope.WRITE)
        order_id = new_order_id() if context.key is None else order_id_for_key(context.actor, context.key)

        def decide(found: Order | None) -> Order:
            if found is not None:
                raise IdempotencyKeyReused
            return command.to_order(order_id, self.clock())

        return await change_order(
            self.repo,
            order_id,
            decide,
            context,
            ("place", command),
            self.history,
            scope=Scope.WRITE,
            is_new=True,
        )
