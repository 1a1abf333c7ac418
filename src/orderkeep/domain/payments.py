"""Payments and refunds of an order, what they add up to, and what is owed to the customer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from orderkeep.domain import limits
from orderkeep.domain.exceptions import AmountOutOfRange, HasAmounts, InvalidOrder, RecordedDifferently, unit_of
from orderkeep.domain.lifecycle import CommandRejected, Event
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.value_objects import check_text


class PaymentKind(StrEnum):
    """What happened to a payment, as the payment provider reports it."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    FAILED = "failed"


class RefundStatus(StrEnum):
    """The status of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class PaymentStatus(StrEnum):
    """The status of an order's payments: the first that applies."""

    NONE_DUE = "none_due"
    UNPAID = "unpaid"
    AUTHORIZED = "authorized"
    PARTIALLY_AUTHORIZED = "partially_authorized"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    OVERPAID = "overpaid"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


@dataclass(frozen=True, slots=True)
class Payment:
    """A report of the payment provider: a payment was authorized, captured or voided, or failed. It is unique by
    `reference`, the payment provider's ID, and `kind`.

    `amount` is in minor units of the order's currency.
    """

    reference: str
    kind: str
    amount: int
    method: str | None
    occurred_at: datetime

    def check(self) -> None:
        """Raise the `InvalidInput` of the first rule that it breaks."""
        check_text(self.reference, "reference", limits.MAX_REFERENCE_LENGTH)
        if self.kind not in tuple(PaymentKind):
            raise InvalidOrder(f"must be one of {', '.join(PaymentKind)}", "kind")
        check_amount(self.amount)
        if self.method is not None:
            check_text(self.method, "method", limits.MAX_METHOD_LENGTH)


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that is paid back. It is unique by `reference`. `amount` is in minor units of the order's currency.

    `lines` says for which units, and changes no quantity. `closed_at` is when it succeeded or failed.
    """

    reference: str
    amount: int
    status: str
    reason: str | None
    lines: tuple[LineQuantity, ...]
    created_at: datetime
    closed_at: datetime | None = None

    def check(self) -> None:
        """Raise the `InvalidInput` of the first rule that it breaks."""
        check_text(self.reference, "reference", limits.MAX_REFERENCE_LENGTH)
        check_amount(self.amount)
        if self.reason is not None:
            check_text(self.reason, "reason", limits.MAX_REASON_LENGTH)


class Balance(NamedTuple):
    """The amounts of an order, in minor units of its currency.

    `current_total` is the total less the value of what was cancelled. `refund_due` is to be paid back to the customer
    beyond the refunds so far. `void_due` is authorized but not captured on a cancelled order, and to be voided. These
    two are obligations.
    """

    current_total: int
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    refund_pending: int = 0
    refund_due: int = 0
    void_due: int = 0

    @property
    def refundable(self) -> int:
        """What further refunds cannot exceed."""
        return self.captured - self.refunded - self.refund_pending


class RefundExceedsPayments(
    CommandRejected, HasAmounts, code="refund_exceeds_payments", title="Refund exceeds payments"
):
    """The refunds of an order cannot exceed what was captured."""

    field = "amount"

    def __init__(self, status: str, amount: int, available: int, currency: str) -> None:
        self.amount, self.available = amount, available
        super().__init__(status, self.worded(str, unit_of(currency)))
        self.facts = {"amount": amount, "available": available, "currency": currency}

    def worded(self, amount: Callable[[int], str], unit: str = "") -> str:
        if self.available <= 0:
            return "nothing that was captured is left to be refunded"
        available, wanted = amount(self.available), amount(self.amount)
        return f"at most {available} of the captured payments can be refunded, not {wanted}{unit}"


class RefundAlreadyFailed(CommandRejected, code="refund_already_failed", title="Refund already failed"):
    """A refund that failed cannot succeed later: create another one."""

    def __init__(self, status: str) -> None:
        super().__init__(status, "the refund failed already: record a refund with another reference")


@dataclass(frozen=True, slots=True)
class PaymentRecorded(Event):
    """A payment was authorized, captured or voided, or failed, as `kind` says."""

    kind: str
    reference: str


@dataclass(frozen=True, slots=True)
class RefundCreated(Event):
    """A refund was added, to be started at the payment provider."""

    reference: str


@dataclass(frozen=True, slots=True)
class RefundSucceeded(Event):
    """A refund was paid to the customer."""

    reference: str


@dataclass(frozen=True, slots=True)
class RefundFailed(Event):
    """A refund failed, or the bank returned it."""

    reference: str


@dataclass(frozen=True, slots=True)
class ObligationsChanged(Event):
    """`refund_due` or `void_due` of the order changed."""


def check_amount(amount: int) -> None:
    """Raise `AmountOutOfRange` unless the amount is positive and below the limit."""
    if type(amount) is not int or not 0 < amount < limits.MAX_MINOR_UNITS:
        raise AmountOutOfRange("must be a whole number of minor units from 1 to below 10^15", "amount")


def check_sums(payments: Iterable[Payment], field: str) -> None:
    """Raise `AmountOutOfRange` unless the payments of each kind add up to an amount, so that a balance has amounts."""
    sums = dict.fromkeys(PaymentKind, 0)
    for payment in payments:
        sums[PaymentKind(payment.kind)] += payment.amount
    for kind, total in sums.items():
        if total >= limits.MAX_MINOR_UNITS:
            raise AmountOutOfRange(f"is too large: the {kind} payments must add up to below 10^15 minor units", field)


def is_recorded(payments: Iterable[Payment], payment: Payment, currency: str) -> bool:
    """Return whether the payment is recorded already. Raises `RecordedDifferently`."""
    for recorded in payments:
        if (recorded.reference, recorded.kind) == (payment.reference, payment.kind):
            if recorded.amount != payment.amount:
                raise RecordedDifferently("payment", recorded.amount, payment.amount, currency)
            return True
    return False


def is_new_refund(refunds: Iterable[Refund], refund: Refund, refundable: int, currency: str, status: str) -> bool:
    """Return whether the refund is new: not recorded already, and within the payments that are left to refund.

    Raises `RecordedDifferently` and `RefundExceedsPayments`.
    """
    for recorded in refunds:
        if recorded.reference == refund.reference:
            if recorded.amount != refund.amount:
                raise RecordedDifferently("refund", recorded.amount, refund.amount, currency)
            return False
    if refund.amount > refundable:
        raise RefundExceedsPayments(status, refund.amount, refundable, currency)
    return True


def close_refund(
    refunds: Sequence[Refund], refund: Refund, outcome: str, at: datetime, status: str
) -> tuple[Refund, ...]:
    """Return the refunds after one succeeded or failed. One that succeeded may still fail: the bank returned it.

    Raises `RefundAlreadyFailed`, and `InvalidInput` for another outcome.
    """
    if outcome not in (RefundStatus.SUCCEEDED, RefundStatus.FAILED):
        raise InvalidOrder(f"must be {RefundStatus.SUCCEEDED} or {RefundStatus.FAILED}", "status")
    if refund.status == RefundStatus.FAILED and outcome == RefundStatus.SUCCEEDED:
        raise RefundAlreadyFailed(status)
    closed = replace(refund, status=outcome, closed_at=at)
    return tuple([closed if each is refund else each for each in refunds])


def balance_of(
    current_total: int, payments: Iterable[Payment], refunds: Iterable[Refund], *, cancelled: bool
) -> Balance:
    """Return the amounts. The order of payments and refunds does not matter."""
    sums = dict.fromkeys(PaymentKind, 0)
    for payment in payments:
        sums[PaymentKind(payment.kind)] += payment.amount
    paid_back = dict.fromkeys(RefundStatus, 0)
    for refund in refunds:
        paid_back[RefundStatus(refund.status)] += refund.amount
    captured, refunded = sums[PaymentKind.CAPTURED], paid_back[RefundStatus.SUCCEEDED]
    authorized = max(0, sums[PaymentKind.AUTHORIZED] - sums[PaymentKind.VOIDED])
    return Balance(
        current_total,
        authorized,
        captured,
        refunded,
        paid_back[RefundStatus.PENDING],
        refund_due=max(0, captured - refunded - paid_back[RefundStatus.PENDING] - current_total),
        void_due=max(0, authorized - captured) if cancelled else 0,
    )


def payment_status(due: int, authorized: int, captured: int, refunded: int) -> PaymentStatus:
    """Return the payment status: `due` is the order's current total, and the rest is what happened so far."""
    if captured == 0:
        if due == 0:
            return PaymentStatus.NONE_DUE
        if authorized == 0:
            return PaymentStatus.UNPAID
        return PaymentStatus.AUTHORIZED if authorized >= due else PaymentStatus.PARTIALLY_AUTHORIZED
    if refunded == 0 and captured <= due:
        return PaymentStatus.PAID if captured == due else PaymentStatus.PARTIALLY_PAID
    if captured - refunded > due:
        return PaymentStatus.OVERPAID
    return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED
