"""An order service: the routes, and the SQL. The rules are in the domain."""

import os
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from domain.entities import Order
from domain.exceptions import CannotCancelOrder, CannotShipOrder, NegativeTotal

TABLE = """CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, total INTEGER NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL
)"""

app = FastAPI()


class NewOrder(BaseModel):
    user_id: str
    total: int  # in cents


def connect() -> sqlite3.Connection:
    db = sqlite3.connect(os.environ.get("ORDERS_DB", "orders.db"))
    db.row_factory = sqlite3.Row
    db.execute(TABLE)
    return db


def load(db: sqlite3.Connection, order_id: str) -> Order:
    row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    if row is None:
        raise HTTPException(404, "Order not found")
    created_at = datetime.fromisoformat(row["created_at"])
    return Order(row["id"], row["user_id"], row["total"], row["status"], created_at)


@app.post("/orders", status_code=201)
def place_order(new: NewOrder) -> Order:
    try:
        order = Order.place(str(uuid.uuid4()), new.user_id, new.total, at=datetime.now(UTC))
    except NegativeTotal as error:
        raise HTTPException(422, str(error)) from error
    with closing(connect()) as db, db:
        values = (order.id, order.user_id, order.total, order.status, order.created_at.isoformat())
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", values)
    return order


@app.get("/orders/{order_id}")
def get_order(order_id: str) -> Order:
    with closing(connect()) as db:
        return load(db, order_id)


@app.delete("/orders/{order_id}")
def cancel_order(order_id: str) -> dict[str, str]:
    with closing(connect()) as db, db:
        order = load(db, order_id)
        try:
            order.cancel()
        except CannotCancelOrder as error:
            raise HTTPException(422, str(error)) from error
        db.execute("UPDATE orders SET status = ? WHERE id = ?", (order.status, order.id))
    return {"status": order.status}


@app.post("/orders/{order_id}/ship")
def ship_order(order_id: str) -> dict[str, str]:
    with closing(connect()) as db, db:
        order = load(db, order_id)
        try:
            order.ship()
        except CannotShipOrder as error:
            raise HTTPException(422, str(error)) from error
        db.execute("UPDATE orders SET status = ? WHERE id = ?", (order.status, order.id))
    return {"status": order.status}
