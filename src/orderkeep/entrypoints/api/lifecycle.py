"""Routes of the lifecycle: confirm, ship, deliver, cancel, hold and release an order."""

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field
from starlette.responses import Response

from orderkeep.domain.exceptions import DuplicateLine, InvalidTime, UnknownLine
from orderkeep.domain.lifecycle import (
    LIFECYCLE,
    CannotCancelOrder,
    CannotConfirmOrder,
    CannotDeliverOrder,
    CannotHoldOrder,
    CannotReleaseOrder,
    CannotShipOrder,
    NothingToCancel,
    OrderOnHold,
    OrderStatus,
    QuantityNotAvailable,
    TooManyRecords,
    allowed_commands,
)
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.policies import PaymentRequired
from orderkeep.entrypoints import schemas
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import Context, OrderId, Services
from orderkeep.entrypoints.api.examples import failures, success
from orderkeep.entrypoints.api.models import Cancelled, Lifecycle, Order
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import EncodedResponse, cancelled_response, command_response, encode
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.command_schemas import Reason, Text, Units, units_of
from orderkeep.entrypoints.schemas import CancelBody, Instant

router = APIRouter(tags=["orders"], route_class=CompiledRoute)


class CancelLinesBody(CancelBody):
    """Units to cancel, and the reason."""

    lines: Units | None = Field(None, description="Units to cancel. By default, all that are not shipped.")


class HoldBody(schemas.Body):
    """Reason for a hold."""

    reason: Reason = Field(description="Short reason, for programs or reports.")
    note: Text | None = Field(None, description="Free text.")
    until: Instant | None = Field(
        None, description="Time at which the hold ends by itself. By default, it ends when the order is released."
    )


NO_REASON, ALL_LINES = CancelBody(), CancelLinesBody()

_LIFECYCLE = encode(
    {
        "statuses": [{"name": status, "commands": allowed_commands(status)} for status in OrderStatus],
        "transitions": [
            {"from": old, "command": command, "to": new}
            for (old, command), followers in LIFECYCLE.items()
            for new in followers
        ],
    }
)


@router.post(
    "/orders/{order_id}/confirm",
    response_model=Order,
    summary="Confirm an order",
    responses={
        **examples.changed(examples.confirm),
        **failures(
            (
                CannotConfirmOrder("cancelled"),
                OrderOnHold("pending"),
                PaymentRequired("pending", "confirm", "paid", 0, 9900, "EUR"),
                *examples.COMMAND_ERRORS,
            )
        ),
    },
)
async def confirm_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Changes the status from `pending` to `processing`. The service may be configured to require a payment first."""
    return command_response(await use_cases.confirm_order.execute(order_id, context))


@router.post(
    "/orders/{order_id}/ship",
    response_model=Order,
    summary="Ship an order",
    responses={
        **examples.changed(examples.confirm, examples.ship),
        **failures(
            (
                CannotShipOrder("pending"),
                OrderOnHold("processing"),
                PaymentRequired("processing", "ship", "paid", 0, 9900, "EUR"),
                TooManyRecords("partially_shipped", "shipments", 100),
                *examples.COMMAND_ERRORS,
            )
        ),
    },
)
async def ship_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Ships all units that are left. Changes the status from `processing` or `partially_shipped` to `shipped`. The
    service may be configured to require the payment first.
    """
    return command_response(await use_cases.ship_order.execute(order_id, context))


@router.post(
    "/orders/{order_id}/deliver",
    response_model=Order,
    summary="Deliver an order",
    responses={
        **examples.changed(examples.confirm, examples.ship, examples.deliver),
        **failures((CannotDeliverOrder("processing"), *examples.COMMAND_ERRORS)),
    },
)
async def deliver_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Records the delivery of all shipments. A `shipped` order becomes `delivered`; a `partially_shipped` order keeps
    its status.
    """
    return command_response(await use_cases.deliver_order.execute(order_id, context))


@router.post(
    "/orders/{order_id}/cancel",
    response_model=Order,
    summary="Cancel an order with a reason",
    responses={
        **examples.changed(lambda order: order.cancel(**examples.CANCEL, at=examples.AT)),
        **failures((CannotCancelOrder("shipped"), *examples.COMMAND_ERRORS)),
    },
)
async def cancel_order(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    why: Annotated[CancelBody, Body(openapi_examples={"CancelBody": {"value": examples.CANCEL}})] = NO_REASON,
) -> Response:
    """Changes the status from `pending` or `processing` to `cancelled`, and stores the optional reason and note.
    Returns the order.
    """
    result = await use_cases.cancel_order.execute(order_id, context, reason=why.reason, note=why.note)
    return command_response(result)


@router.delete(
    "/orders/{order_id}",
    response_model=Cancelled,
    summary="Cancel an order",
    responses={
        **success(
            200,
            "The order is cancelled.",
            {"Cancelled": {"status": "cancelled"}},
            headers=examples.ORDER_HEADERS,
        ),
        **failures((CannotCancelOrder("shipped"), *examples.COMMAND_ERRORS)),
    },
)
async def delete_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Short form of `POST /orders/{order_id}/cancel`, without a reason. The order is not deleted. Returns
    `{"status": "cancelled"}`.
    """
    return cancelled_response(await use_cases.cancel_order.execute(order_id, context))


@router.post(
    "/orders/{order_id}/cancel-lines",
    response_model=Order,
    summary="Cancel units of an order",
    responses={
        **examples.changed(lambda order: order.cancel_lines([LineQuantity("l1", 1)], "sold_out", at=examples.AT)),
        **failures(
            (
                NothingToCancel("shipped"),
                QuantityNotAvailable("processing", "l1", 3, 2, "units left to cancel"),
                UnknownLine("must be the ID of a line of the order: l1, l2", "lines/0/line"),
                DuplicateLine("names an earlier line again: add up the quantities", "lines/1/line"),
                *examples.COMMAND_ERRORS,
            )
        ),
    },
)
async def cancel_lines(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    what: Annotated[
        CancelLinesBody, Body(openapi_examples={"CancelLinesBody": {"value": examples.CANCEL_LINES}})
    ] = ALL_LINES,
) -> Response:
    """Cancels units that are not shipped, by default all of them. `current_total` falls by their value. If no units are
    left, the order is cancelled; if all other units are shipped, it is `shipped` or `delivered`.
    """
    result = await use_cases.cancel_lines.execute(
        order_id, context, lines=units_of(what.lines), reason=what.reason, note=what.note
    )
    return command_response(result)


@router.post(
    "/orders/{order_id}/hold",
    response_model=Order,
    summary="Put an order on hold",
    responses={
        **examples.changed(lambda order: order.put_on_hold("address_unclear", at=examples.AT)),
        **failures(
            (
                CannotHoldOrder("shipped"),
                InvalidTime("must be in the future", "until"),
                *examples.COMMAND_ERRORS,
            )
        ),
    },
)
async def hold_order(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    hold: Annotated[HoldBody, Body(openapi_examples={"HoldBody": {"value": examples.HOLD}})],
) -> Response:
    """Rejects `confirm` and shipments until the order is released, or until the time in `until`. An earlier hold is
    replaced. A hold ends by itself if the order is shipped or cancelled.
    """
    result = await use_cases.hold_order.execute(order_id, hold.reason, context, note=hold.note, until=hold.until)
    return command_response(result)


@router.post(
    "/orders/{order_id}/release",
    response_model=Order,
    summary="Release an order",
    responses={
        **examples.changed(
            lambda order: order.put_on_hold("address_unclear", at=examples.AT),
            lambda order: order.release(at=examples.AT),
        ),
        **failures((CannotReleaseOrder("processing"), *examples.COMMAND_ERRORS)),
    },
)
async def release_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Ends the hold of the order."""
    return command_response(await use_cases.release_order.execute(order_id, context))


@router.get(
    "/lifecycle",
    response_model=Lifecycle,
    summary="Get the order lifecycle",
    responses={
        **success(200, "All statuses and transitions.", {"Lifecycle": examples.LIFECYCLE}),
        **failures([HttpProblem("overloaded", what="requests")]),
    },
)
async def get_lifecycle() -> Response:
    """Returns all statuses with the commands that each allows, and all transitions. Some commands also depend on other
    facts, such as a hold: `GET /orders/{order_id}/actions` returns those that one order accepts.
    """
    return EncodedResponse(_LIFECYCLE)
