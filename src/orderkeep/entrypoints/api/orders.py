"""Routes of orders: place, list, get, history, and what can be done next. Without `route_class`, they are ordinary
FastAPI routes, which accept more (docs/explanation/architecture.md, "The HTTP layer").
"""

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application.errors import NotAllowed
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.application.use_cases.search_orders import LONGEST_TEXT
from orderkeep.domain import entities as domain
from orderkeep.domain.exceptions import OrderNotFound, OrderTooLarge, TooManyMetadataKeys
from orderkeep.domain.lifecycle import ExternalRefIsSet, OrderStatus
from orderkeep.domain.limits import MAX_TEXT_BYTES
from orderkeep.domain.payments import PaymentStatus
from orderkeep.domain.returns import ReturnStatus
from orderkeep.domain.shipments import ShippingStatus
from orderkeep.entrypoints.api import examples
from orderkeep.entrypoints.api.dependencies import (
    Context,
    CurrentActor,
    ErasureContext,
    IfNoneMatch,
    OrderId,
    PlacementContext,
    Services,
    is_modified,
    true_or_false,
)
from orderkeep.entrypoints.api.examples import failures, success
from orderkeep.entrypoints.api.models import ChangePage, Erasure, Order, OrderActions, OrderPage
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.responses import (
    EncodedResponse,
    command_response,
    encode,
    etag_of,
    history_response,
    not_modified,
    orders_response,
    placed_response,
)
from orderkeep.entrypoints.api.routing import CompiledRoute
from orderkeep.entrypoints.command_schemas import ErasureBody
from orderkeep.entrypoints.field_errors import FieldError
from orderkeep.entrypoints.schemas import EditOrderBody, PlaceOrderBody, parse, read_instant

_EDIT = parse(EditOrderBody, examples.EDIT)


def _edit_example(order: domain.Order) -> None:
    examples.change_personal_data(order)
    order.edit(_EDIT.changes(), at=examples.AT)


router = APIRouter(tags=["orders"], route_class=CompiledRoute)


def whole_number(least: int, most: int) -> BeforeValidator:
    """Return what reads an integer in a query parameter."""

    def read(value: str) -> int:
        is_number = value.isascii() and value.isdigit() and len(value) <= 18
        if not is_number or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return BeforeValidator(read)


def _read_time(text: str) -> datetime:
    """Return a time in a query, in which an unencoded `+` is a space: as the offset's sign, both are accepted."""
    return read_instant(re.sub(r" (\d\d:\d\d)$", r"+\1", text))


Instant = Annotated[datetime, BeforeValidator(_read_time), WithJsonSchema({"type": "string", "format": "date-time"})]
Cursor = Annotated[str | None, Field(examples=[examples.CURSOR])]
Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE, examples=[20]), whole_number(1, LARGEST_PAGE)]


Flag = Annotated[bool | None, BeforeValidator(true_or_false)]
_ONE_OF = "Cannot be combined with another filter except `user_id`, `created_from` and `created_to`."


class ListQuery(BaseModel):
    """Query parameters of a list of orders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: str | None = Field(None, description="Filter by user.", min_length=1, examples=["user-42"])
    status: list[OrderStatus] = Field(
        default_factory=list,  # pydantic would deep-copy a default for each request
        description="Filter by status. To filter by several, repeat the parameter: `status=pending&status=processing`. "
        f"{_ONE_OF}",
        examples=[["pending", "processing"]],
    )
    tag: str | None = Field(
        None,
        description=f"Filter by tag. {_ONE_OF}",
        min_length=1,
        examples=["gift"],
    )
    external_ref: str | None = Field(
        None,
        description=f"Filter by your own reference for the order. {_ONE_OF}",
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
    shipping_status: ShippingStatus | None = Field(
        None, description=f"Filter by how much was shipped. {_ONE_OF}", examples=["partially_shipped"]
    )
    payment_status: PaymentStatus | None = Field(
        None,
        description=f"Filter by payment status. `unpaid` and `none_due` can be combined with `status`. {_ONE_OF}",
        examples=["paid"],
    )
    return_status: ReturnStatus | None = Field(
        None, description=f"Filter by return status, except `none`. {_ONE_OF}", examples=["requested"]
    )
    on_hold: Flag = Field(None, description=f"`true`: orders on hold. {_ONE_OF}", examples=[True])
    refund_due: Flag = Field(
        None, description=f"`true`: orders of which money is to be paid back. {_ONE_OF}", examples=[True]
    )
    void_due: Flag = Field(
        None, description=f"`true`: orders with an authorization to be voided. {_ONE_OF}", examples=[True]
    )
    needs_attention: Flag = Field(
        None,
        description="`true`: orders that are on hold, have a refund or a void due, or have a requested return. "
        f"{_ONE_OF}",
        examples=[True],
    )
    q: str | None = Field(
        None,
        description="Search instead of filtering: by order ID, the first 8 or more characters of it, `external_ref`, "
        "e-mail address or tracking number. Cannot be combined with filters.",
        min_length=1,
        max_length=LONGEST_TEXT,
        examples=["00340434292135100124"],
    )


_FILTERS = tuple(ListQuery.model_fields.keys() - {"status", "limit", "cursor", "q"})


AtVersion = Annotated[
    int | None,
    whole_number(1, 10**18 - 1),
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


@router.post(
    "/orders",
    status_code=201,
    response_model=Order,
    summary="Place an order",
    responses={
        **success(201, "The new order.", {"Order": examples.order()}, headers=("Location", *examples.ORDER_HEADERS)),
        **failures(examples.PLACE_ERRORS),
    },
)
async def place_order(
    order: Annotated[PlaceOrderBody, Body(openapi_examples={"PlaceOrderBody": {"value": examples.PLACE}})],
    request: Request,
    context: PlacementContext,
    use_cases: Services,
) -> Response:
    """Creates an order with the status `pending`, or `processing` if the service confirms orders automatically and this
    one needs no payment. `lines` are optional; if present, lines + shipping + tax - discount
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
    """Returns orders, newest first, one page at a time. At most one filter can be used in a request, and it can be
    combined with `user_id`, `created_from` and `created_to`. `needs_attention=true` is the queue of the support staff,
    and `q` searches. Pagination is stable: orders placed while you read the pages cause neither gaps nor duplicates.
    """
    where = OrderFilter(statuses=tuple(query.status), **{name: getattr(query, name) for name in _FILTERS})
    if query.q is None:
        page = await use_cases.list_orders.execute(where, limit=query.limit, cursor=query.cursor, actor=actor)
    else:
        page = await use_cases.search_orders.execute(
            query.q, where, limit=query.limit, cursor=query.cursor, actor=actor
        )
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
    cursor: Annotated[Cursor, Query(description="`next_cursor` of the previous page of this order's history.")] = None,
) -> Response:
    """Returns all changes of the order, oldest first: the actor, the time, the events and the resulting order."""
    page = await use_cases.get_order_history.execute(order_id, limit=limit, cursor=cursor, actor=actor)
    return history_response(request, page)


@router.get(
    "/orders/{order_id}/actions",
    response_model=OrderActions,
    summary="Get the actions on an order",
    responses={
        **success(200, "All commands, allowed or not.", {"OrderActions": examples.ACTIONS}),
        **failures(examples.READ_ERRORS),
    },
)
async def get_order_actions(order_id: OrderId, actor: CurrentActor, use_cases: Services) -> Response:
    """Returns all commands, and whether the order accepts them now from this caller: those that are rejected with the
    code and the message of the error, and those that can only repeat what is recorded with a reason. Nothing is
    changed.
    """
    return EncodedResponse(encode(await use_cases.get_order_actions.execute(order_id, actor)))


@router.patch(
    "/orders/{order_id}",
    response_model=Order,
    summary="Edit an order",
    responses={
        **examples.changed(_edit_example),
        **failures(
            (
                ExternalRefIsSet("pending"),
                TooManyMetadataKeys("must have at most 50 keys", "metadata"),
                OrderTooLarge(MAX_TEXT_BYTES),
                *examples.PERSONAL_ERRORS,
                *examples.COMMAND_ERRORS,
            )
        ),
    },
)
async def edit_order(
    order_id: OrderId,
    context: Context,
    use_cases: Services,
    edit: Annotated[EditOrderBody, Body(openapi_examples={"EditOrderBody": {"value": examples.EDIT}})],
) -> Response:
    """Changes tags, metadata, the external reference, the customer and the addresses, as a JSON merge patch (RFC 7396):
    null removes a value, and an omitted field is kept. Tags are replaced as a whole, the others key by key.
    """
    return command_response(await use_cases.edit_order.execute(order_id, edit.changes(), context))


@router.post(
    "/erasures",
    response_model=Erasure,
    summary="Erase personal data",
    responses={
        **success(200, "The personal data is erased.", {"Erasure": {"orders": 3, "erased": 2}}, headers=("Dry-Run",)),
        **failures((NotAllowed("orders:erase"), OrderNotFound(""), *examples.WRITE_ERRORS)),
    },
)
async def erase_personal_data(
    context: ErasureContext,
    use_cases: Services,
    which: Annotated[ErasureBody, Body(openapi_examples={"ErasureBody": {"value": examples.ERASE}})],
) -> Response:
    """Erases `customer`, `shipping_address` and `billing_address` of up to 100 orders, or of all orders of a user. The
    orders stay. Receipts that contained the data are replaced by receipts without it. If an order of the list does not
    exist, nothing is erased. A repeated request changes nothing more, so it needs no `Idempotency-Key`: if the response
    is an error, repeat it.
    """
    erased = await use_cases.erase_personal_data.execute(which.orders or (), context, user_id=which.user_id)
    headers = [(b"dry-run", b"true")] if context.dry_run else []
    return EncodedResponse(encode(erased), headers=headers)
