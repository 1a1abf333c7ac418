"""The payments and refunds of an order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from orderkeep.domain import limits
from orderkeep.domain.exceptions import RefundNotFound
from orderkeep.domain.lines import LineQuantity, quantities
from orderkeep.domain.order_state import OrderState
from orderkeep.domain.payments import (
    Payment,
    PaymentRecorded,
    Refund,
    RefundCreated,
    RefundFailed,
    RefundStatus,
    RefundSucceeded,
    check_sums,
    close_refund,
    is_new_refund,
    is_recorded,
)


class PaymentCommands(OrderState):
    """The payments and refunds of an order."""

    def record_payment(self, payment: Payment, *, at: datetime) -> None:
        """Record what happened to a payment, whatever the status of the order. A second report changes nothing.

        Raises `RecordedDifferently` if it was recorded with another amount, `TooManyRecords`, and `InvalidInput`, also
        if the sum of the payments is not below 10^15.
        """
        payment.check()
        payment = replace(payment, occurred_at=self._occurred(payment.occurred_at, at))
        if is_recorded(self.payments, payment, self.currency):
            return
        self._check_count("payments", len(self.payments), limits.MAX_PAYMENTS)
        payments = (*self.payments, payment)
        check_sums(payments, "amount")
        self.payments = payments
        self._record(at, PaymentRecorded(payment.kind, payment.reference))

    def add_refund(
        self,
        reference: str,
        amount: int,
        reason: str | None = None,
        lines: Iterable[LineQuantity] = (),
        *,
        at: datetime,
    ) -> None:
        """Add a refund before it is started. The same one again changes nothing. `amount` is in minor units.

        Raises `RefundExceedsPayments`, `RecordedDifferently`, `TooManyRecords`, and `InvalidInput`.
        """
        units = tuple(lines)
        quantities(self.lines, units)
        refund = Refund(reference, amount, RefundStatus.PENDING, reason, units, self._not_before(at))
        refund.check()
        if is_new_refund(self.refunds, refund, self.balance.refundable, self.currency, self.status):
            self._check_count("refunds", len(self.refunds), limits.MAX_REFUNDS)
            self.refunds += (refund,)
            self._record(at, RefundCreated(reference))

    def close_refund(self, reference: str, outcome: str, occurred_at: datetime | None = None, *, at: datetime) -> None:
        """Record that a refund succeeded or failed. What is recorded already changes nothing.

        Raises `RefundNotFound`, `RefundAlreadyFailed`, and `InvalidInput`.
        """
        refund = next((each for each in self.refunds if each.reference == reference), None)
        if refund is None:
            raise RefundNotFound(self.id, [each.reference for each in self.refunds])
        moment = self._occurred(occurred_at, at)
        if refund.status != outcome:
            self.refunds = close_refund(self.refunds, refund, outcome, moment, self.status)
            failed = outcome == RefundStatus.FAILED
            self._record(at, RefundFailed(reference) if failed else RefundSucceeded(reference))
