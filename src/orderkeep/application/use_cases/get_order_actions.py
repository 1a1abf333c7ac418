"""Get what can be done with an order."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Protocol, TypeVar

from orderkeep.application.access.actor import SYSTEM, Actor, Scope
from orderkeep.application.change_order import load_order
from orderkeep.application.ports import Clock, utc_now
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError, OrderNotFound
from orderkeep.domain.lifecycle import Command
from orderkeep.domain.payments import Payment, PaymentKind, RefundStatus
from orderkeep.domain.policies import NO_POLICIES, Policies
from orderkeep.domain.repositories import OrderRepository
from orderkeep.domain.returns import ReturnState
from orderkeep.domain.value_objects import INTERNAL


@dataclass(frozen=True, slots=True)
class OrderAction:
    """A command, and whether the order accepts it; if not, the code and the message of the error."""

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

    def __init__(self, repo: OrderRepository, clock: Clock = utc_now, policies: Policies = NO_POLICIES) -> None:
        self.repo, self.clock, self.policies = repo, clock, policies

    async def execute(self, order_id: str, actor: Actor = SYSTEM) -> OrderActions:
        """Return all commands. Raises `NotAllowed`, and `OrderNotFound` also if the order is not the actor's."""
        actor.require(Scope.READ)
        order = await load_order(self.repo, order_id, actor)
        if order is None:
            raise OrderNotFound(order_id)
        return OrderActions(order.version, actions_of(order, actor, self.clock(), self.policies))


def actions_of(order: Order, actor: Actor, at: datetime, policies: Policies = NO_POLICIES) -> tuple[OrderAction, ...]:
    """Return each command as a trial on a copy of the order ends, with values that succeed if any do."""
    return tuple([_tried(name, order, actor, at, policies) for name in _TRIALS])


def _tried(name: str, order: Order, actor: Actor, at: datetime, policies: Policies) -> OrderAction:
    scope, trial = _TRIALS[name]
    copied = copy.copy(order)  # a command replaces the values of an order, and changes none in place but its events
    copied.events = []
    try:
        actor.require(scope)
        if name in _NEED_PAYMENT:
            policies.check(_NEED_PAYMENT[name], copied)
        trial(copied, at)
    except OrderkeepError as error:
        return OrderAction(name, allowed=False, code=error.code, reason=str(error))
    return OrderAction(name, allowed=True)


class _Part(Protocol):
    @property
    def status(self) -> str: ...


_AnyPart = TypeVar("_AnyPart", bound=_Part)


def _best(parts: Sequence[_AnyPart], status: str) -> _AnyPart | None:
    """Return the first part with the status, or else the last one, if there is one."""
    return next((part for part in parts if part.status == status), parts[-1] if parts else None)


def _unused(references: Iterable[str]) -> str:
    taken = set(references)
    return next(reference for number in count() if (reference := f"new-{number}") not in taken)


def _record_payment(order: Order, at: datetime) -> None:
    reference = _unused([payment.reference for payment in order.payments])
    order.record_payment(Payment(reference, PaymentKind.AUTHORIZED, 1, None, at), at=at)


def _add_refund(order: Order, at: datetime) -> None:
    order.add_refund(_unused([refund.reference for refund in order.refunds]), 1, at=at)


def _close_refund(order: Order, at: datetime) -> None:
    refund = _best(order.refunds, RefundStatus.PENDING)
    failed = refund is not None and refund.status == RefundStatus.FAILED
    outcome = RefundStatus.FAILED if failed else RefundStatus.SUCCEEDED
    order.close_refund("" if refund is None else refund.reference, outcome, at=at)


def _return_id(order: Order) -> str:
    found = _best(order.returns, ReturnState.REQUESTED)
    return "" if found is None else found.id


_NEED_PAYMENT = {"confirm": Command.CONFIRM, "ship": Command.SHIP, "add_shipment": Command.SHIP}
"""The commands that a policy may reject."""

_TRIALS: dict[str, tuple[Scope, Callable[[Order, datetime], None]]] = {
    "confirm": (Scope.WRITE, lambda order, at: order.confirm(at=at)),
    "ship": (Scope.SHIP, lambda order, at: order.ship(at=at)),
    "deliver": (Scope.SHIP, lambda order, at: order.deliver(at=at)),
    "cancel": (Scope.CANCEL, lambda order, at: order.cancel(at=at)),
    "cancel_lines": (Scope.CANCEL, lambda order, at: order.cancel_lines(at=at)),
    "hold": (Scope.WRITE, lambda order, at: order.put_on_hold("trial", at=at)),
    "release": (Scope.WRITE, lambda order, at: order.release(at=at)),
    "add_shipment": (Scope.SHIP, lambda order, at: order.add_shipment(at=at)),
    "update_shipment": (Scope.SHIP, lambda order, at: order.update_shipment("s1", {}, at=at)),
    "deliver_shipment": (Scope.SHIP, lambda order, at: order.deliver_shipment("s1", at=at)),
    "record_payment": (Scope.PAY, _record_payment),
    "add_refund": (Scope.REFUND, _add_refund),
    "close_refund": (Scope.REFUND, _close_refund),
    "request_return": (Scope.CANCEL, lambda order, at: order.request_return(at=at)),
    "receive_return": (Scope.REFUND, lambda order, at: order.receive_return(_return_id(order), at=at)),
    "reject_return": (
        Scope.REFUND,
        lambda order, at: order.close_return(_return_id(order), ReturnState.REJECTED, at=at),
    ),
    "cancel_return": (
        Scope.REFUND,
        lambda order, at: order.close_return(_return_id(order), ReturnState.CANCELLED, at=at),
    ),
    "edit": (Scope.WRITE, lambda order, at: order.edit({}, at=at)),
    "add_note": (Scope.WRITE, lambda order, at: order.add_note("trial", INTERNAL, at=at)),
    "edit_note": (Scope.WRITE, lambda order, at: order.edit_note("n1", "trial", at=at)),
}
"""The scope of each command, and a trial of it."""
