"""Deliver an order."""

from orderkeep.application.actor import Scope
from orderkeep.application.change_order import PLAIN, Request, change_order, existing
from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import Clock, OrderHistory, utc_now
from orderkeep.domain.repositories import OrderRepository


class DeliverOrderUseCase:
    """Deliver a shipped order: it reached the customer."""

    def __init__(self, repo: OrderRepository, history: OrderHistory | None = None, clock: Clock = utc_now) -> None:
        self.repo, self.history, self.clock = repo, history, clock

    async def execute(self, order_id: str, request: Request = PLAIN) -> CommandResult:
        """Return the delivered order. Raises `NotAllowed`, `OrderNotFound`, `CannotDeliverOrder`, `Conflict`."""
        decide = existing(order_id, lambda order: order.deliver(at=self.clock()))
        return await change_order(
            self.repo, order_id, decide, request, ("deliver", None), self.history, scope=Scope.SHIP
        )
