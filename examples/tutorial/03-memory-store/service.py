"""An order service: the routes. The rules are in the domain, the SQL is in the infrastructure."""

import os
import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel

from domain.entities import Order
from domain.exceptions import CannotCancelOrder, CannotShipOrder, NegativeTotal
from domain.repositories import OrderRepository
from infrastructure.sqlite_repo import SqliteOrderRepository

app = FastAPI()


async def get_repository() -> OrderRepository:
    return SqliteOrderRepository(os.environ.get("ORDERS_DB", "orders.db"))


Repository = Annotated[OrderRepository, Depends(get_repository)]


class NewOrder(BaseModel):
    user_id: str
    total: int  # in cents


async def load(repo: OrderRepository, order_id: str) -> Order:
    order = await repo.get_by_id(order_id)
    if order is None:
        raise HTTPException(404, "Order not found")
    return order


@app.post("/orders", status_code=201)
async def place_order(new: NewOrder, repo: Repository) -> Order:
    try:
        order = Order.place(str(uuid.uuid4()), new.user_id, new.total, at=datetime.now(UTC))
    except NegativeTotal as error:
        raise HTTPException(422, str(error)) from error
    await repo.save(order)
    return order


@app.get("/orders/{order_id}")
async def get_order(order_id: str, repo: Repository) -> Order:
    return await load(repo, order_id)


@app.delete("/orders/{order_id}")
async def cancel_order(order_id: str, repo: Repository) -> dict[str, str]:
    order = await load(repo, order_id)
    try:
        order.cancel()
    except CannotCancelOrder as error:
        raise HTTPException(422, str(error)) from error
    await repo.save(order)
    return {"status": order.status}


@app.post("/orders/{order_id}/ship")
async def ship_order(order_id: str, repo: Repository) -> dict[str, str]:
    order = await load(repo, order_id)
    try:
        order.ship()
    except CannotShipOrder as error:
        raise HTTPException(422, str(error)) from error
    await repo.save(order)
    return {"status": order.status}
