"""An order service in one file."""

import os
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

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


@app.post("/orders", status_code=201)
def place_order(new: NewOrder) -> dict[str, Any]:
    if new.total < 0:
        raise HTTPException(422, "The total must not be negative")
    order = {
        "id": str(uuid.uuid4()),
        "user_id": new.user_id,
        "total": new.total,
        "status": "pending",
        "created_at": datetime.now(UTC).isoformat(),
    }
    with closing(connect()) as db, db:
        db.execute("INSERT INTO orders VALUES (:id, :user_id, :total, :status, :created_at)", order)
    return order


@app.get("/orders/{order_id}")
def get_order(order_id: str) -> dict[str, Any]:
    with closing(connect()) as db:
        row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
    if row is None:
        raise HTTPException(404, "Order not found")
    return dict(row)


@app.delete("/orders/{order_id}")
def cancel_order(order_id: str) -> dict[str, str]:
    with closing(connect()) as db, db:
        row = db.execute("SELECT status FROM orders WHERE id = ?", (order_id,)).fetchone()
        if row is None:
            raise HTTPException(404, "Order not found")
        if row["status"] != "pending":
            raise HTTPException(422, f"Order cannot be cancelled: it is {row['status']}")
        db.execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", (order_id,))
    return {"status": "cancelled"}


@app.post("/orders/{order_id}/ship")
def ship_order(order_id: str) -> dict[str, str]:
    with closing(connect()) as db, db:
        row = db.execute("SELECT status FROM orders WHERE id = ?", (order_id,)).fetchone()
        if row is None:
            raise HTTPException(404, "Order not found")
        if row["status"] != "pending":
            raise HTTPException(422, f"Order cannot be shipped: it is {row['status']}")
        db.execute("UPDATE orders SET status = 'shipped' WHERE id = ?", (order_id,))
    return {"status": "shipped"}
