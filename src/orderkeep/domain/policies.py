"""The policies of a shop: the payments that an order needs before a command, and when an unpaid order expires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orderkeep.domain.exceptions import HasAmounts, unit_of
from orderkeep.domain.lifecycle import Command, CommandRejected, OrderStatus, allowed_commands
from orderkeep.domain.order_state import OrderState
from orderkeep.domain.payments import PaymentStatus

EXPIRED = "expired"
"""The reason of the cancellation of an order that has expired."""


class Requirement(StrEnum):
    """What must cover the current total of an order. An order without an amount due meets each of them."""

    NOTHING = "nothing"
    AUTHORIZED = "authorized"
    PAID = "paid"


class PaymentRequired(CommandRejected, HasAmounts, code="payment_required", title="Payment required"):
    """A policy requires more payments before the command."""

    def __init__(self, status: str, command: str, requirement: str, covered: int, due: int, currency: str) -> None:
        self.policy, self.covered, self.due = f"{command} requires {requirement}", covered, due
        self.counted = "captured and not refunded" if requirement == Requirement.PAID else "authorized or captured"
        super().__init__(status, self.worded(str, unit_of(currency)))
        self.facts = {"command": command, "requirement": requirement, "covered": covered, "due": due}
        self.facts |= {"currency": currency}

    def worded(self, amount: Callable[[int], str], unit: str = "") -> str:
        return f"{self.policy}: {amount(self.covered)} of {amount(self.due)} are {self.counted}{unit}"


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies; by default there are none. `expire_after_hours` is 0 if unpaid orders do not expire."""

    confirm_requires: str = Requirement.NOTHING
    ship_requires: str = Requirement.NOTHING
    auto_confirm: bool = False
    expire_after_hours: int = 0

    def check(self, command: Command, order: OrderState) -> None:
        """Raise `PaymentRequired` if the status of the order allows the command, but its payments do not."""
        requirement = {Command.CONFIRM: self.confirm_requires, Command.SHIP: self.ship_requires}.get(command)
        if requirement in (None, Requirement.NOTHING) or command not in allowed_commands(order.status):
            return
        covered, due = _covered(order, requirement), order.balance.current_total
        if covered < due:
            raise PaymentRequired(order.status, command, requirement, covered, due, order.currency)

    def is_ready(self, order: OrderState) -> bool:
        """Return whether the order is pending, not on hold, and meets the requirement of `confirm`."""
        if order.status != OrderStatus.PENDING or order.on_hold:
            return False
        is_free = self.confirm_requires == Requirement.NOTHING
        return is_free or _covered(order, self.confirm_requires) >= order.balance.current_total

    def confirm_if_ready(self, order: OrderState) -> None:
        """Confirm the order as a part of its last change, if orders are confirmed automatically and it is ready."""
        if self.auto_confirm and self.is_ready(order):
            order.confirm(at=order.updated_at)


NO_POLICIES = Policies()
"""Every command is allowed that the status of the order allows."""


def has_expired(order: OrderState, before: datetime, *, at: datetime) -> bool:
    """Return whether the order was placed before that time, is pending and not on hold, and nothing was paid or
    authorized.
    """
    return (
        order.status == OrderStatus.PENDING
        and order.created_at < before
        and order.payment_status == PaymentStatus.UNPAID
        and (order.hold is None or order.hold.has_ended(at))
    )


def _covered(order: OrderState, requirement: str | None) -> int:
    """Return the amount that counts for a requirement, in minor units. Refunds that have not failed are deducted.

    Captures are not added to authorizations, because an authorization is usually what was captured.
    """
    balance = order.balance
    if requirement == Requirement.PAID:
        return balance.refundable
    return balance.refundable + max(0, balance.authorized - balance.captured)
