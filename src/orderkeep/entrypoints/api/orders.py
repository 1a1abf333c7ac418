"""Orders over HTTP: placed, looked up, listed, and moved along their lifecycle."""

from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE
from orderkeep.entrypoints.api import answers
from orderkeep.entrypoints.api.bodies import cancellation_in, expect_nothing_in, new_order_in
from orderkeep.entrypoints.api.dependencies import Asker, Context, OrderId, Services
from orderkeep.entrypoints.api.documentation import documented
from orderkeep.entrypoints.api.parameters import query_of
from orderkeep.entrypoints.api.problems import Detail, Refused
from orderkeep.entrypoints.api.routing import StrictRoute

router = APIRouter(prefix="/orders", tags=["orders"], route_class=StrictRoute)


@router.post("", **documented("place_order"))
async def place_order(request: Request, use_cases: Services, context: Context) -> Response:
    """Answers 201 and where the order is. With an `Idempotency-Key` its id follows from the key, and a second
    request answers as the first did."""
    result = await use_cases.place_order.execute(await new_order_in(request), context)
    return answers.placed_answer(request, result, dry_run=context.dry_run)


@router.get("", **documented("list_orders"))
async def list_orders(request: Request, use_cases: Services, asker: Asker) -> Response:
    """Pages have no number: the next one begins behind `next_cursor`, so that nothing is skipped and nothing comes
    twice while orders are placed. `status`, `tag` and `external_ref` are used one at a time."""
    query = dict(query_of(request.scope))
    limit, cursor = query.pop("limit", DEFAULT_PAGE), query.pop("cursor", None)
    page = await use_cases.list_orders.execute(OrderFilter(**query), limit=limit, cursor=cursor, actor=asker)
    return answers.orders_answer(request, page)


@router.get("/{order_id}", **documented("get_order"))
async def get_order(order_id: OrderId, request: Request, use_cases: Services, asker: Asker) -> Response:
    """With `version` or `at`, as it was then. With `If-None-Match`, 304 while nothing has changed."""
    if query := query_of(request.scope):
        order = await use_cases.get_order_at.execute(order_id, _version_or_instant(**query), asker)
        return answers.order_answer(request, order.version, order)
    snapshot = await use_cases.get_order.execute(order_id, asker)
    return answers.order_answer(request, snapshot.version, snapshot.json)


@router.get("/{order_id}/history", **documented("get_order_history"))
async def get_order_history(order_id: OrderId, request: Request, use_cases: Services, asker: Asker) -> Response:
    """Every change of the order, oldest first, and with it the whole order as it became."""
    page = await use_cases.get_order_history.execute(order_id, **query_of(request.scope), actor=asker)
    return answers.history_answer(request, page)


@router.post("/{order_id}/confirm", **documented("confirm_order"))
async def confirm_order(order_id: OrderId, request: Request, use_cases: Services, context: Context) -> Response:
    """From `pending` to `processing`."""
    await expect_nothing_in(request)
    result = await use_cases.confirm_order.execute(order_id, context)
    return answers.result_answer(result, dry_run=context.dry_run)


@router.post("/{order_id}/ship", **documented("ship_order"))
async def ship_order(order_id: OrderId, request: Request, use_cases: Services, context: Context) -> Response:
    """From `processing` to `shipped`."""
    await expect_nothing_in(request)
    result = await use_cases.ship_order.execute(order_id, context)
    return answers.result_answer(result, dry_run=context.dry_run)


@router.post("/{order_id}/deliver", **documented("deliver_order"))
async def deliver_order(order_id: OrderId, request: Request, use_cases: Services, context: Context) -> Response:
    """From `shipped` to `delivered`."""
    await expect_nothing_in(request)
    result = await use_cases.deliver_order.execute(order_id, context)
    return answers.result_answer(result, dry_run=context.dry_run)


@router.post("/{order_id}/cancel", **documented("cancel_order"))
async def cancel_order(order_id: OrderId, request: Request, use_cases: Services, context: Context) -> Response:
    """From `pending` or `processing` to `cancelled`, with a reason and a note if there are any."""
    why = await cancellation_in(request)
    result = await use_cases.cancel_order.execute(order_id, context, reason=why.reason, note=why.note)
    return answers.result_answer(result, dry_run=context.dry_run)


@router.delete("/{order_id}", **documented("delete_order"))
async def delete_order(order_id: OrderId, request: Request, use_cases: Services, context: Context) -> Response:
    """The short form of `POST /orders/{order_id}/cancel`: the order is kept, and cancelled."""
    await expect_nothing_in(request)
    result = await use_cases.cancel_order.execute(order_id, context)
    return answers.cancelled_answer(result, dry_run=context.dry_run)


def _version_or_instant(version: int | None = None, at: datetime | None = None) -> int | datetime:
    if version is not None and at is None:
        return version
    if at is not None and version is None:
        return at
    error = Detail("invalid_parameter", "cannot be used together with version", parameter="at")
    raise Refused.for_errors("invalid_query", [error])
