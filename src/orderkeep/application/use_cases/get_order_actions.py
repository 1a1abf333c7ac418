"""Get what can be done with an order."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import OrderCommand, Trial, load_order
from orderkeep.application.ports import Clock, utc_now
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError, OrderNotFound
from orderkeep.domain.repositories import OrderRepository

RECORDED = {
    "deliver_shipment": "nothing would change: all shipments are recorded as delivered",
    "close_refund": "nothing would change: all refunds failed, which is final",
}
"""Why a report that can only repeat what is recorded changes nothing: its trial is of a part that can still change."""


@dataclass(frozen=True, slots=True)
class OrderAction:
    """A command, and whether the order accepts it; if not, the code and the message of the error. A report that is
    allowed, but can only repeat what is recorded, has a reason too.
    """

    name: str
    allowed: bool
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OrderActions:
    """All commands on an order at a version."""

    version: int
    actions: tuple[OrderAction, ...]


class GetOrderActionsUseCase:
    """Get which commands an order accepts now from this actor."""

    def __init__(self, repo: OrderRepository, commands: Iterable[OrderCommand], clock: Clock = utc_now) -> None:
        self.repo, self.clock = repo, clock
        self.actions = [(name, each.scope, trial) for each in commands for name, trial in each.actions().items()]

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> OrderActions:
        """Return all commands. Raises `NotAllowed`, and `OrderNotFound` also if the order is not the actor's."""
        actor.require(Scope.READ)
        order = await load_order(self.repo, order_id, actor)
        if order is None:
            raise OrderNotFound(order_id)
        return OrderActions(order.version, self.actions_on(order, actor))

    def actions_on(self, order: Order, actor: Actor) -> tuple[OrderAction, ...]:
        """Return all commands, in the order in which they were given. The order itself is not changed."""
        at = self.clock()
        return tuple([_tried(*action, order, actor, at) for action in self.actions])


def _tried(name: str, scope: Scope, trial: Trial, order: Order, actor: Actor, at: datetime) -> OrderAction:
    """Return how a trial on a copy of the order ends."""
    copied = copy.copy(order)  # a command replaces the values of an order, and changes none in place but its events
    copied.events = []
    try:
        actor.require(scope)
        trial(copied, at)
    except OrderkeepError as error:
        return OrderAction(name, allowed=False, code=error.code, reason=str(error))
    return OrderAction(name, allowed=True, reason=None if copied.events else RECORDED.get(name))
