"""The HTTP entrypoint: it translates requests into use cases, and their results into responses."""

import os
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from application.use_cases import CancelOrderUseCase, GetOrderUseCase, PlaceOrderUseCase, ShipOrderUseCase
from domain.entities import Order
from domain.exceptions import OrderNotFound
from domain.repositories import OrderRepository
from infrastructure.sqlite_repo import SqliteOrderRepository

router = APIRouter(prefix="/orders")


class NewOrder(BaseModel):
    user_id: str
    total: int  # in cents


async def get_repository() -> OrderRepository:
    return SqliteOrderRepository(os.environ.get("ORDERS_DB", "orders.db"))


Repository = Annotated[OrderRepository, Depends(get_repository)]


@router.post("", status_code=201)
async def place_order(new: NewOrder, repo: Repository) -> Order:
    return await PlaceOrderUseCase(repo).execute(new.user_id, new.total)


@router.get("/{order_id}")
async def get_order(order_id: str, repo: Repository) -> Order:
    return await GetOrderUseCase(repo).execute(order_id)


@router.delete("/{order_id}")
async def cancel_order(order_id: str, repo: Repository) -> dict[str, str]:
    await CancelOrderUseCase(repo).execute(order_id)
    return {"status": "cancelled"}


@router.post("/{order_id}/ship")
async def ship_order(order_id: str, repo: Repository) -> dict[str, str]:
    await ShipOrderUseCase(repo).execute(order_id)
    return {"status": "shipped"}


async def rejection(_: Request, error: Exception) -> JSONResponse:
    """Turn an error of the domain into a response: the only place that has HTTP statuses for them."""
    return JSONResponse({"detail": str(error)}, status_code=404 if isinstance(error, OrderNotFound) else 422)
