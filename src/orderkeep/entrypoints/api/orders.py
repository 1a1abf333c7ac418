"""Routes of orders: place, get, list, history, and the commands."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.domain.entities import LIFECYCLE, OrderStatus, allowed_commands
from orderkeep.domain.exceptions import CannotCancelOrder, CannotConfirmOrder, CannotDeliverOrder, CannotShipOrder
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import (
    Context,
    CurrentActor,
    IfNoneMatch,
    OrderId,
    PlacementContext,
    Services,
    is_modified,
)
from orderkeep.entrypoints.api.examples import failures, success
from orderkeep.entrypoints.api.models import Cancelled, ChangePage, Lifecycle, Order, OrderPage
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import (
    EncodedResponse,
    cancelled_response,
    command_response,
    encode,
    etag_of,
    history_response,
    not_modified,
    orders_response,
    placed_response,
)
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.field_errors import FieldError
from orderkeep.entrypoints.schemas import CancelBody, PlaceOrderBody, read_instant

router = APIRouter(tags=["orders"], route_class=CompiledRoute)

_ORDER_HEADERS = ("ETag", "Idempotency-Replayed", "Dry-Run")


def _whole_number(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise ValueError("must be a whole number")
    return int(value) if isinstance(value, str) else value


def _version_number(value: object) -> object:
    if _whole_number(value) == 0:
        raise ValueError("must be a whole number of at least 1")
    return _whole_number(value)


Instant = Annotated[datetime, BeforeValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Cursor = Annotated[str | None, Field(examples=[examples.CURSOR])]
Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE, examples=[20]), BeforeValidator(_whole_number)]


class ListQuery(BaseModel):
    """Query parameters of a list of orders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: str | None = Field(None, description="Filter by user.", min_length=1, examples=["user-42"])
    status: list[OrderStatus] = Field(
        default_factory=list,  # pydantic would deep-copy a default for each request
        description="Filter by status. To filter by several, repeat the parameter: `status=pending&status=processing`. "
        "Cannot be combined with `tag` or `external_ref`.",
        examples=[["pending", "processing"]],
    )
    tag: str | None = Field(
        None,
        description="Filter by tag. Cannot be combined with `status` or `external_ref`.",
        min_length=1,
        examples=["gift"],
    )
    external_ref: str | None = Field(
        None,
        description="Filter by your own reference for the order. Cannot be combined with `status` or `tag`.",
        min_length=1,
        examples=["web-7781"],
    )
    created_from: Instant | None = Field(
        None, description="Filter by creation time: this time or later.", examples=["2026-11-01T00:00:00Z"]
    )
    created_to: Instant | None = Field(
        None, description="Filter by creation time: before this time.", examples=["2026-12-01T00:00:00Z"]
    )
    limit: Limit = Field(DEFAULT_PAGE, description="Maximum number of results per page, 1 to 200. Default: 50.")
    cursor: Cursor = Field(None, description="`next_cursor` of the previous page. Requires the same filters.")


_LIFECYCLE = encode(
    {
        "statuses": [{"name": status, "commands": allowed_commands(status)} for status in OrderStatus],
        "transitions": [{"from": old, "command": command, "to": new} for (old, command), new in LIFECYCLE.items()],
    }
)


def _changed(status: str, version: int, **changed: object) -> examples.Responses:
    example = examples.order(status, version, **changed)
    return success(200, "The order after the change.", {"Order": example}, headers=_ORDER_HEADERS)


AtVersion = Annotated[
    int | None,
    BeforeValidator(_version_number),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10**18 - 1, "examples": [1]}),
    Query(description="Return the order at this version. Cannot be combined with `at`."),
]
AtTime = Annotated[
    Instant | None,
    Query(
        description="Return the order at this time. Cannot be combined with `version`.",
        examples=["2026-11-22T10:00:00Z"],
    ),
]
NO_REASON = CancelBody()


@router.post(
    "/orders",
    status_code=201,
    response_model=Order,
    summary="Place an order",
    responses={
        **success(201, "The new order.", {"Order": examples.order()}, headers=("Location", *_ORDER_HEADERS)),
        **failures(examples.PLACE_ERRORS),
    },
)
async def place_order(
    order: Annotated[PlaceOrderBody, Body(openapi_examples={"PlaceOrderBody": {"value": examples.PLACE}})],
    request: Request,
    context: PlacementContext,
    use_cases: Services,
) -> Response:
    """Creates an order with the status `pending`. `lines` are optional; if present, lines + shipping + tax - discount
    must equal `total`; if not, `total` must be at least shipping + tax - discount. With an `Idempotency-Key`, the order
    ID is derived from the key, and a repeated request returns the original response.
    """
    result = await use_cases.place_order.execute(order.to_command(), context)
    return placed_response(result, request.scope["root_path"])


@router.get(
    "/orders",
    response_model=OrderPage,
    summary="List orders",
    responses={
        **success(
            200,
            "A page of orders.",
            {"OrderPage": {"data": [examples.order()], "has_more": True, "next_cursor": examples.CURSOR}},
            headers=("Link",),
        ),
        **failures(examples.LIST_ERRORS),
    },
)
async def list_orders(
    query: Annotated[ListQuery, Query()], request: Request, actor: CurrentActor, use_cases: Services
) -> Response:
    """Returns orders, newest first, one page at a time. Only one of `status`, `tag` and `external_ref` can be used in a
    request; all can be combined with `user_id`, `created_from` and `created_to`. Pagination is stable: orders placed
    while you read the pages cause neither gaps nor duplicates.
    """
    where = OrderFilter(
        query.user_id, tuple(query.status), query.tag, query.external_ref, query.created_from, query.created_to
    )
    page = await use_cases.list_orders.execute(where, limit=query.limit, cursor=query.cursor, actor=actor)
    return orders_response(request, page)


@router.get(
    "/orders/{order_id}",
    response_model=Order,
    summary="Get an order",
    responses={
        **success(200, "The order.", {"Order": examples.WITH_RECEIPT}, headers=("ETag",)),
        **success(304, "Not modified since the given entity tag.", headers=("ETag",)),
        **failures(examples.VERSION_ERRORS),
    },
)
async def get_order(
    order_id: OrderId,
    actor: CurrentActor,
    use_cases: Services,
    version: AtVersion = None,
    at: AtTime = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns the current order, or an earlier state if `version` or `at` is given. With `If-None-Match`, returns 304
    if the order has not changed.
    """
    if version is not None and at is not None:
        raise HttpProblem(
            "invalid_query", errors=[FieldError("invalid_parameter", "cannot be combined with version", parameter="at")]
        )
    moment = at if version is None else version
    if moment is None:
        snapshot = await use_cases.get_order.execute(order_id, actor)
        body, found = snapshot.json, snapshot.version
    else:
        order = await use_cases.get_order_at.execute(order_id, moment, actor)
        body, found = encode(order), order.version
    etag = etag_of(found)
    if not is_modified(if_none_match, etag):
        return not_modified(etag)
    return EncodedResponse(body, headers=[(b"etag", etag.encode())])


@router.get(
    "/orders/{order_id}/history",
    response_model=ChangePage,
    summary="Get the history of an order",
    responses={
        **success(200, "A page of changes.", {"ChangePage": examples.HISTORY}, headers=("Link",)),
        **failures(examples.CURSOR_ERRORS),
    },
)
async def get_order_history(
    order_id: OrderId,
    request: Request,
    actor: CurrentActor,
    use_cases: Services,
    limit: Annotated[
        Limit, Query(description="Maximum number of results per page, 1 to 200. Default: 50.")
    ] = DEFAULT_PAGE,
    cursor: Annotated[
        Cursor, Query(description="`next_cursor` of the previous page. Requires the same filters.")
    ] = None,
) -> Response:
    """Returns all changes of the order, oldest first: the actor, the time, the events and the resulting order."""
    page = await use_cases.get_order_history.execute(order_id, limit=limit, cursor=cursor, actor=actor)
    return history_response(request, page)


@router.post(
    "/orders/{order_id}/confirm",
    response_model=Order,
    summary="Confirm an order",
    responses={**_changed("processing", 2), **failures((CannotConfirmOrder("cancelled"), *examples.COMMAND_ERRORS))},
)
async def confirm_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Changes the status from `pending` to `processing`."""
    return command_response(await use_cases.confirm_order.execute(order_id, context))


@router.post(
    "/orders/{order_id}/ship",
    response_model=Order,
    summary="Ship an order",
    responses={**_changed("shipped", 3), **failures((CannotShipOrder("pending"), *examples.COMMAND_ERRORS))},
)
async def ship_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Changes the status from `processing` to `shipped`."""
    return command_response(await use_cases.ship_order.execute(order_id, context))


@router.post(
    "/orders/{order_id}/deliver",
    response_model=Order,
    summary="Deliver an order",
    responses={**_changed("delivered", 4), **failures((CannotDeliverOrder("processing"), *examples.COMMAND_ERRORS))},
)
async def deliver_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Changes the status from `shipped` to `delivered`."""
    return command_response(await use_cases.deliver_order.execute(order_id, context))


@router.post(
    "/orders/{order_id}/cancel",
    response_model=Order,
    summary="Cancel an order with a reason",
    responses={
        **_changed("cancelled", 2, cancellation={**examples.CANCEL, "at": examples.SHIPPED_AT}),
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
            headers=_ORDER_HEADERS,
        ),
        **failures((CannotCancelOrder("shipped"), *examples.COMMAND_ERRORS)),
    },
)
async def delete_order(order_id: OrderId, context: Context, use_cases: Services) -> Response:
    """Short form of `POST /orders/{order_id}/cancel`, without a reason. The order is not deleted. Returns
    `{"status": "cancelled"}`.
    """
    return cancelled_response(await use_cases.cancel_order.execute(order_id, context))


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
    """Returns all statuses with the commands that each accepts, and all transitions."""
    return EncodedResponse(_LIFECYCLE)
