"""Routes of returns."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import AfterValidator, Field, Strict
from starlette.responses import Response

from orderkeep.domain import limits
from orderkeep.domain.entities import Order as DomainOrder
from orderkeep.domain.exceptions import ReturnNotFound
from orderkeep.domain.lifecycle import QuantityNotAvailable
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.returns import NothingToReturn, ReturnAlreadyClosed, ReturnedUnits, ReturnState
from orderkeep.entrypoints import schemas
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import Context, OrderId, Services
from orderkeep.entrypoints.api.examples import failures
from orderkeep.entrypoints.api.models import Order
from orderkeep.entrypoints.api.responses import command_response
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.command_schemas import (
    SEVERAL,
    LineQuantityBody,
    Reason,
    Text,
    Units,
    check_not_empty,
    text_of,
    units_of,
)

router = APIRouter(prefix="/orders/{order_id}/returns", tags=["returns"], route_class=CompiledRoute)


class ReturnedUnitsBody(LineQuantityBody):
    """Units that arrived."""

    condition: Annotated[str, text_of(limits.MAX_CONDITION_LENGTH)] | None = Field(
        None, description="Condition of the units, such as `damaged`."
    )


class ReturnBody(schemas.Body):
    """Units to be returned."""

    lines: Units | None = Field(None, description="Units to be returned. By default, all that were delivered.")
    reason: Reason | None = Field(None, description="Short reason, for programs or reports.")


class ReceiveReturnBody(schemas.Body):
    """Units that arrived."""

    lines: Annotated[tuple[ReturnedUnitsBody, ...], Strict(False), SEVERAL, AfterValidator(check_not_empty)] | None = (
        Field(None, description="Units that arrived. By default, those that were to be returned.")
    )
    note: Text | None = Field(None, description="Free text.")

    def units(self) -> tuple[ReturnedUnits, ...]:
        """Return the units that arrived, none if the body lists none."""
        return tuple([ReturnedUnits(each.line, each.quantity, each.condition) for each in self.lines or ()])


class CloseReturnBody(schemas.Body):
    """Reason why a return is closed."""

    note: Text | None = Field(None, description="Free text.")


RETURN = {"lines": [{"line": "l1", "quantity": 1}], "reason": "too_large"}
RECEIPT = {"lines": [{"line": "l1", "quantity": 1, "condition": "as new"}]}
CLOSING = {"note": "Arrived after 30 days."}
EVERYTHING, AS_REQUESTED, WITHOUT_NOTE = ReturnBody(), ReceiveReturnBody(), CloseReturnBody()

ReturnId = Annotated[str, Path(description="ID of the return.", examples=["r1"])]
Closing = Annotated[CloseReturnBody, Body(openapi_examples={"CloseReturnBody": {"value": CLOSING}})]

_CLOSE_ERRORS = (ReturnNotFound(""), ReturnAlreadyClosed("delivered", "received"))


def _request(order: DomainOrder) -> None:
    order.request_return([LineQuantity("l1", 1)], "too_large", at=examples.AT)


def _changed(change: examples.Change) -> examples.Responses:
    return examples.changed(examples.confirm, examples.ship, examples.deliver, _request, change)


@router.post(
    "",
    response_model=Order,
    summary="Request a return",
    responses={
        **examples.changed(examples.confirm, examples.ship, examples.deliver, _request),
        **failures(
            (
                NothingToReturn("processing"),
                QuantityNotAvailable("delivered", "l1", 3, 2, "delivered units left to return"),
                *examples.RECORD_ERRORS,
            )
        ),
    },
)
async def request_return(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    wanted: Annotated[ReturnBody, Body(openapi_examples={"ReturnBody": {"value": RETURN}})] = EVERYTHING,
) -> Response:
    """Records that delivered units are to be returned, by default all of them. Customers can request it for their own
    orders.
    """
    result = await use_cases.request_return.execute(
        order_id, context, lines=units_of(wanted.lines), reason=wanted.reason
    )
    return command_response(result)


@router.post(
    "/{return_id}/receive",
    response_model=Order,
    summary="Receive a return",
    responses={
        **_changed(lambda order: order.receive_return("r1", [ReturnedUnits("l1", 1, "as new")], at=examples.AT)),
        **failures(
            (
                *_CLOSE_ERRORS,
                QuantityNotAvailable("delivered", "l1", 3, 2, "delivered units left to return"),
                *examples.RECORD_ERRORS,
            )
        ),
    },
)
async def receive_return(
    order_id: OrderId,
    return_id: ReturnId,
    context: Context,
    use_cases: Services,
    arrived: Annotated[ReceiveReturnBody, Body(openapi_examples={"ReceiveReturnBody": {"value": RECEIPT}})] = (
        AS_REQUESTED
    ),
) -> Response:
    """Records which units arrived, by default those requested. Their value becomes the `suggested_refund` of the
    return; nothing is refunded by it.
    """
    result = await use_cases.receive_return.execute(
        order_id, return_id, context, lines=arrived.units(), note=arrived.note
    )
    return command_response(result)


@router.post(
    "/{return_id}/reject",
    response_model=Order,
    summary="Reject a return",
    responses={
        **_changed(lambda order: order.close_return("r1", "rejected", CLOSING["note"], at=examples.AT)),
        **failures((*_CLOSE_ERRORS, *examples.COMMAND_ERRORS)),
    },
)
async def reject_return(
    order_id: OrderId, return_id: ReturnId, context: Context, use_cases: Services, why: Closing = WITHOUT_NOTE
) -> Response:
    """Records that the return is not accepted."""
    outcome = ReturnState.REJECTED
    return command_response(await use_cases.close_return.execute(order_id, return_id, outcome, context, note=why.note))


@router.post(
    "/{return_id}/cancel",
    response_model=Order,
    summary="Cancel a return",
    responses={
        **_changed(lambda order: order.close_return("r1", "cancelled", at=examples.AT)),
        **failures((*_CLOSE_ERRORS, *examples.COMMAND_ERRORS)),
    },
)
async def cancel_return(
    order_id: OrderId, return_id: ReturnId, context: Context, use_cases: Services, why: Closing = WITHOUT_NOTE
) -> Response:
    """Records that the customer keeps the units."""
    outcome = ReturnState.CANCELLED
    return command_response(await use_cases.close_return.execute(order_id, return_id, outcome, context, note=why.note))
