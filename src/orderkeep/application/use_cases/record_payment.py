"""Record a payment."""

from datetime import datetime
from uuid import uuid4

from orderkeep.application.access.actor import Scope
from orderkeep.application.change_order import SYSTEM_CONTEXT, Actions, CommandContext, OrderCommand
from orderkeep.application.dtos import CommandResult
from orderkeep.domain.entities import Order
from orderkeep.domain.payments import Payment, PaymentKind
from orderkeep.domain.value_objects import in_utc


class RecordPaymentUseCase(OrderCommand):
    """Record that a payment was authorized, captured or voided, or that it failed, whatever the order's status."""

    scope = Scope.PAY

    async def execute(
        self,
        order_id: str,
        reference: str,
        kind: str,
        amount: int,
        context: CommandContext = SYSTEM_CONTEXT,
        *,
        method: str | None = None,
        occurred_at: datetime | None = None,
    ) -> CommandResult:
        """Return the order. The same payment again changes nothing. `amount` is in minor units; `occurred_at` is now by
        default.

        Raises `RecordedDifferently`, `TooManyRecords`, `InvalidInput`, and like `change_order`.
        """

        def record(order: Order) -> None:
            now = self.clock()
            moment = in_utc(now if occurred_at is None else occurred_at, "occurred_at")
            order.record_payment(Payment(reference, kind, amount, method, moment), at=now)

        command = ("record_payment", [reference, kind, amount, method, occurred_at])
        return await self.change(order_id, record, context, command)

    def actions(self) -> Actions:
        def record(order: Order, at: datetime) -> None:
            order.record_payment(Payment(str(uuid4()), PaymentKind.AUTHORIZED, 1, None, at), at=at)

        return {"record_payment": record}
