"""The HTTP entrypoint: it translates requests into use cases, and their results into responses."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from bootstrap import UseCases
from domain.entities import Order
from domain.exceptions import ConcurrentUpdate, OrderError, OrderNotFound

STATUSES: dict[type[Exception], int] = {OrderNotFound: 404, ConcurrentUpdate: 409}  # of other errors: 422

router = APIRouter(prefix="/orders")


class NewOrder(BaseModel):
    user_id: str
    total: int  # in cents


async def get_use_cases(request: Request) -> UseCases:
    use_cases: UseCases = request.app.state.use_cases
    return use_cases


Services = Annotated[UseCases, Depends(get_use_cases)]


@router.post("", status_code=201)
async def place_order(new: NewOrder, use_cases: Services) -> Order:
    return await use_cases.place_order.execute(new.user_id, new.total)


@router.get("/{order_id}")
async def get_order(order_id: str, use_cases: Services) -> Order:
    return await use_cases.get_order.execute(order_id)


@router.delete("/{order_id}")
async def cancel_order(order_id: str, use_cases: Services) -> dict[str, str]:
    await use_cases.cancel_order.execute(order_id)
    return {"status": "cancelled"}


@router.post("/{order_id}/ship")
async def ship_order(order_id: str, use_cases: Services) -> dict[str, str]:
    await use_cases.ship_order.execute(order_id)
    return {"status": "shipped"}


async def rejection(_: Request, error: Exception) -> JSONResponse:
    """Turn an error of the domain into a response: the only place that has HTTP statuses for them."""
    return JSONResponse({"detail": str(error)}, status_code=STATUSES.get(type(error), 422))


def create_app(use_cases: UseCases) -> FastAPI:
    app = FastAPI()
    app.state.use_cases = use_cases
    app.include_router(router)
    app.add_exception_handler(OrderError, rejection)
    return app
