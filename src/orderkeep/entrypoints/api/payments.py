"""Routes of payments and refunds."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import Field
from starlette.responses import Response

from orderkeep.domain import limits
from orderkeep.domain.entities import Order as DomainOrder
from orderkeep.domain.exceptions import RecordedDifferently, RefundNotFound
from orderkeep.domain.payments import Payment, PaymentKind, RefundAlreadyFailed, RefundExceedsPayments, RefundStatus
from orderkeep.entrypoints import schemas
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import Context, OrderId, Services
from orderkeep.entrypoints.api.examples import failures
from orderkeep.entrypoints.api.models import Order
from orderkeep.entrypoints.api.responses import command_response
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.command_schemas import PositiveAmount, Reason, Reference, Units, one_of, text_of, units_of
from orderkeep.entrypoints.schemas import Instant

router = APIRouter(prefix="/orders/{order_id}", tags=["payments"], route_class=CompiledRoute)


class PaymentBody(schemas.Body):
    """Something that happened to a payment, as the payment provider reported it."""

    reference: Reference = Field(
        description="ID of the authorization, capture or void at the payment provider; each capture needs its own."
    )
    kind: one_of(*PaymentKind) = Field(description="What happened to the payment.")  # type: ignore[valid-type]
    amount: PositiveAmount = Field(description="Amount, in minor units of the order's currency.")
    method: Annotated[str, text_of(limits.MAX_METHOD_LENGTH)] | None = Field(
        None, description="Payment method, such as `card`."
    )
    occurred_at: Instant | None = Field(None, description="Time at which it happened. Default: now.")


class RefundBody(schemas.Body):
    """Refund that you are about to start."""

    reference: Reference = Field(
        description="Your own ID of the refund, such as the idempotency key with which you start it at the provider."
    )
    amount: PositiveAmount = Field(
        description="Amount, in minor units of the order's currency. Refunds cannot exceed what was captured."
    )
    reason: Reason | None = Field(None, description="Short reason, for programs or reports.")
    lines: Units | None = Field(None, description="Units that the refund is for. Their quantities do not change.")


class CloseRefundBody(schemas.Body):
    """Outcome of a refund."""

    status: one_of(RefundStatus.SUCCEEDED, RefundStatus.FAILED) = Field(  # type: ignore[valid-type]
        description="Outcome. A refund that succeeded can still fail; one that failed cannot succeed."
    )
    occurred_at: Instant | None = Field(None, description="Time at which it succeeded or failed. Default: now.")


PAYMENT = {"reference": "pay_7Kq2", "kind": "captured", "amount": 9900, "method": "card"}
REFUND = {"reference": "ref_19", "amount": 4750, "reason": "damaged", "lines": [{"line": "l1", "quantity": 1}]}
OUTCOME = {"status": "succeeded", "occurred_at": examples.SHIPPED_AT}

RefundReference = Annotated[
    str,
    Path(description="Reference of the refund, percent-encoded: `/` is `%2F`.", examples=[REFUND["reference"]]),
]


def _pay(order: DomainOrder) -> None:
    order.record_payment(Payment("pay_7Kq2", "captured", 9900, "card", examples.AT), at=examples.AT)


def _refund(order: DomainOrder) -> None:
    order.add_refund("ref_19", 4750, "damaged", at=examples.AT)


@router.post(
    "/payments",
    response_model=Order,
    summary="Record a payment",
    responses={
        **examples.changed(_pay),
        **failures((RecordedDifferently("payment", 9900, 9000, "EUR"), *examples.RECORD_ERRORS)),
    },
)
async def record_payment(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    payment: Annotated[PaymentBody, Body(openapi_examples={"PaymentBody": {"value": PAYMENT}})],
) -> Response:
    """Records that a payment was authorized, captured or voided, or that it failed. It is accepted whatever the status
    of the order: what must be paid back becomes `refund_due`. A payment that is recorded already, by `reference` and
    `kind`, changes nothing; with another amount, the response is 409. The service may be configured to confirm an order
    with the payment that it waits for.
    """
    result = await use_cases.record_payment.execute(
        order_id,
        payment.reference,
        payment.kind,
        payment.amount,
        context,
        method=payment.method,
        occurred_at=payment.occurred_at,
    )
    return command_response(result)


@router.post(
    "/refunds",
    response_model=Order,
    summary="Add a refund",
    responses={
        **examples.changed(_pay, _refund),
        **failures(
            (
                RefundExceedsPayments("processing", 4750, 4000, "EUR"),
                RecordedDifferently("refund", 4750, 4000, "EUR"),
                *examples.RECORD_ERRORS,
            )
        ),
    },
)
async def add_refund(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    refund: Annotated[RefundBody, Body(openapi_examples={"RefundBody": {"value": REFUND}})],
) -> Response:
    """Adds a refund with the status `pending`, before you start it at the payment provider. Refunds that have not
    failed cannot exceed the captured payments, also if two are added at once. A refund that is recorded already, by
    `reference`, changes nothing; with another amount, the response is 409.
    """
    result = await use_cases.add_refund.execute(
        order_id, refund.reference, refund.amount, context, reason=refund.reason, lines=units_of(refund.lines)
    )
    return command_response(result)


@router.patch(
    "/refunds/{reference:path}",
    response_model=Order,
    summary="Close a refund",
    responses={
        **examples.changed(_pay, _refund, lambda order: order.close_refund("ref_19", "succeeded", at=examples.AT)),
        **failures((RefundNotFound(""), RefundAlreadyFailed("processing"), *examples.RECORD_ERRORS)),
    },
)
async def close_refund(
    order_id: OrderId,
    reference: RefundReference,
    context: Context,
    use_cases: Services,
    outcome: Annotated[CloseRefundBody, Body(openapi_examples={"CloseRefundBody": {"value": OUTCOME}})],
) -> Response:
    """Records that a refund succeeded or failed. The same outcome again changes nothing. A refund that succeeded can
    still fail, if the bank returned it.
    """
    result = await use_cases.close_refund.execute(
        order_id, reference, outcome.status, context, occurred_at=outcome.occurred_at
    )
    return command_response(result)
