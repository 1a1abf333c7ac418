"""The route of the statistics."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response

from orderkeep.application.errors import InvalidQuery, NotAllowed
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import CurrentActor, Services
from orderkeep.entrypoints.api.examples import failures, success
from orderkeep.entrypoints.api.models import ResponseModel, Time
from orderkeep.entrypoints.api.responses import EncodedResponse, encode
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.schemas import AnyCurrency

router = APIRouter(tags=["statistics"], route_class=CompiledRoute)

Number = Annotated[int, Field(ge=0)]


class StatusFigures(ResponseModel):
    """Orders in a status."""

    status: OrderStatus = Field(description="Status of the orders now.")
    orders: Number = Field(description="Number of orders.")
    value: Number = Field(description="Sum of their `total`.")
    current_value: Number = Field(description="Sum of their `current_total`: what is left after cancellations.")


class AmountFigures(ResponseModel):
    """A number of payments, refunds or orders, and an amount."""

    count: Number = Field(description="Number of payments, refunds or orders.")
    value: Number = Field(description="Sum of the amounts, in minor units.")


class CancelledFigures(ResponseModel):
    """Cancellations."""

    orders: Number = Field(description="Number of cancelled orders.")
    partial: Number = Field(description="Number of cancellations of some units, after which an order remained.")
    value: Number = Field(description="Value of all that was cancelled, in minor units.")


class CurrencyFigures(ResponseModel):
    """Figures of one currency. Values are in its minor units."""

    currency: AnyCurrency = Field(description="Currency (ISO 4217).")
    orders: Number = Field(description="Number of orders placed in the period.")
    value: Number = Field(description="Sum of their `total`.")
    current_value: Number = Field(description="Sum of their `current_total`: what is left after cancellations.")
    statuses: tuple[StatusFigures, ...] = Field(description="The orders placed in the period, by status.")
    captured: AmountFigures = Field(description="Payments captured in the period, of any order.")
    refunded: AmountFigures = Field(description="Refunds that succeeded in the period, of any order.")
    failed_refunds: AmountFigures = Field(description="Refunds that failed in the period, of any order.")
    cancelled: CancelledFigures = Field(description="Cancellations in the period, of any order.")


class Period(ResponseModel):
    """Figures of one period."""

    start: Time = Field(description="Start of the period, with the offset of the time zone.")
    end: Time = Field(description="End of the period, exclusive.")
    currencies: tuple[CurrencyFigures, ...] = Field(description="Currencies that have figures in this period.")


class Funnel(ResponseModel):
    """How far the orders placed in the range came until now."""

    placed: Number = Field(description="Orders placed.")
    confirmed: Number = Field(description="Of these, orders that were confirmed.")
    first_shipment: Number = Field(description="Of these, orders of which a part or all was shipped.")
    shipped: Number = Field(description="Of these, orders of which all was shipped.")
    delivered: Number = Field(description="Of these, orders of which all was delivered.")
    cancelled: Number = Field(description="Of those placed, orders that were cancelled.")


class TimeInStatus(ResponseModel):
    """How long orders were in a status that they left in the range."""

    status: OrderStatus = Field(description="The status that the orders left.")
    count: Number = Field(description="Number of orders.")
    p50: Number = Field(description="Median, in seconds, accurate to 10 %.")
    p95: Number = Field(description="95th percentile, in seconds, accurate to 10 %.")


class CancellationReason(ResponseModel):
    """Cancellations with the same reason."""

    reason: str | None = Field(description="Reason, or null if none was given; `other` for the sum of rare ones.")
    currency: AnyCurrency = Field(description="Currency (ISO 4217).")
    orders: Number = Field(description="Number of cancelled orders.")
    partial: Number = Field(description="Number of cancellations of some units, after which an order remained.")
    value: Number = Field(description="Value of all that was cancelled, in minor units.")


class CurrentFigures(ResponseModel):
    """All orders of one currency as they are now, whenever they were placed. Values are in its minor units."""

    currency: AnyCurrency = Field(description="Currency (ISO 4217).")
    statuses: tuple[StatusFigures, ...] = Field(description="All orders, by status.")
    refund_due: AmountFigures = Field(description="Orders of which money is to be paid back, and its sum.")
    void_due: AmountFigures = Field(description="Orders with an authorization to be voided, and the sum.")
    refund_pending: AmountFigures = Field(description="Orders with refunds that are in progress, and their sum.")


class WebhookHealth(ResponseModel):
    """State of the webhooks."""

    active: Number = Field(description="Number of active webhooks.")
    paused: Number = Field(description="Number of paused webhooks, which receive no events.")
    waiting_orders: Number = Field(description="Number of orders whose events wait for a retry.")
    behind: Number = Field(description="Number of changes that the slowest active webhook has not passed.")


class Statistics(ResponseModel):
    """Statistics of orders."""

    position: Number = Field(description="Position in the feed up to which all changes are counted.")
    exact: bool = Field(description="Whether these were all changes when the request arrived.")
    start: Time = Field(description="Start of the range.")
    end: Time = Field(description="End of the range, exclusive.")
    timezone: str = Field(description="Time zone of the periods.")
    by: Literal["hour", "day", "week", "month"] = Field(description="Length of the periods.")
    periods: tuple[Period, ...] = Field(description="All periods of the range, oldest first.")
    totals: tuple[CurrencyFigures, ...] = Field(description="Figures of the whole range.")
    funnel: Funnel = Field(description="How far the orders placed in the range came until now.")
    time_in_status: tuple[TimeInStatus, ...] = Field(description="How long orders stayed in each status.")
    cancellations: tuple[CancellationReason, ...] = Field(description="Cancellations by reason, most frequent first.")
    current: tuple[CurrentFigures, ...] = Field(description="All orders as they are now.")
    webhooks: WebhookHealth = Field(description="State of the webhooks.")


def _day(text: str) -> date:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a date such as 2026-11-30")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date that exists") from None


_DATE = {"type": "string", "format": "date", "pattern": "^(19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2}$"}
"""From 1970 to 2999."""

Day = Annotated[date, BeforeValidator(_day), WithJsonSchema(_DATE)]

_AMOUNT = {"count": 1, "value": 9900}
_NONE = {"count": 0, "value": 0}
_STATUSES = [{"status": "processing", "orders": 2, "value": 19800, "current_value": 14850}]
_EUR = {
    "currency": "EUR",
    "orders": 2,
    "value": 19800,
    "current_value": 14850,
    "statuses": _STATUSES,
    "captured": _AMOUNT,
    "refunded": _NONE,
    "failed_refunds": _NONE,
    "cancelled": {"orders": 0, "partial": 1, "value": 4950},
}
EXAMPLE: dict[str, Any] = {
    "position": 1724,
    "exact": True,
    "start": "2026-11-30T00:00:00+01:00",
    "end": "2026-12-01T00:00:00+01:00",
    "timezone": "Europe/Berlin",
    "by": "day",
    "periods": [{"start": "2026-11-30T00:00:00+01:00", "end": "2026-12-01T00:00:00+01:00", "currencies": [_EUR]}],
    "totals": [_EUR],
    "funnel": {"placed": 2, "confirmed": 2, "first_shipment": 0, "shipped": 0, "delivered": 0, "cancelled": 0},
    "time_in_status": [{"status": "pending", "count": 2, "p50": 588, "p95": 2797}],
    "cancellations": [{"reason": "sold_out", "currency": "EUR", "orders": 0, "partial": 1, "value": 4950}],
    "current": [
        {"currency": "EUR", "statuses": _STATUSES, "refund_due": _NONE, "void_due": _NONE, "refund_pending": _NONE}
    ],
    "webhooks": {"active": 1, "paused": 0, "waiting_orders": 0, "behind": 0},
}


@router.get(
    "/stats",
    response_model=Statistics,
    summary="Get statistics",
    responses={
        **success(200, "The statistics.", {"Statistics": EXAMPLE}),
        **failures(
            (
                NotAllowed("stats:read"),
                InvalidQuery("must be an IANA time zone, such as Europe/Berlin", "timezone"),
                *examples.SERVED_ERRORS,
            )
        ),
    },
)
async def get_statistics(
    actor: CurrentActor,
    use_cases: Services,
    start: Annotated[
        Day | None,
        Query(
            alias="from",
            description="First day, in the time zone. Default: 30 days before `to`.",
            examples=["2026-11-30"],
        ),
    ] = None,
    end: Annotated[
        Day | None,
        Query(
            alias="to",
            description="Day after the last one, in the time zone. Default: tomorrow, so that today is included.",
            examples=["2026-12-01"],
        ),
    ] = None,
    timezone: Annotated[
        str, Query(description="IANA time zone of the days. Default: `UTC`.", examples=["Europe/Berlin"])
    ] = "UTC",
    by: Annotated[
        Literal["hour", "day", "week", "month"],
        Query(description="Length of the periods; a week begins on Monday. Default: `day`.", examples=["day"]),
    ] = "day",
) -> Response:
    """Returns numbers and values of orders, payments, refunds and cancellations by period and currency, and what is
    open now. All changes that were committed before the request are counted first; if that takes too long, `exact` is
    false, and a later request continues. Requires the scope `stats:read`. A range has at most 1,100 days and 1,000
    periods.
    """
    found = await use_cases.get_statistics.execute(start, end, timezone=timezone, by=by, actor=actor)
    return EncodedResponse(encode(found))
