"""The order service that a good developer writes in one file: FastAPI, pydantic, sqlite3, one commit a request.

It makes the same promises as orderkeep for these four routes: `synchronous=FULL`, the order and its change in one
commit, an idempotency key that makes a repeated request safe, pages by position and not by offset. Its one connection
stays on the event loop: routes in the thread pool, each thread with a connection of its own and a lock for writers,
were slower (at 32 at once, half as many requests a second).
"""

import base64
import binascii
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, version INTEGER NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL,
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (created_at, id);
CREATE TABLE IF NOT EXISTS changes (
    position INTEGER PRIMARY KEY, order_id TEXT NOT NULL, version INTEGER NOT NULL, at TEXT NOT NULL,
    event TEXT NOT NULL, key TEXT UNIQUE, document TEXT NOT NULL, UNIQUE (order_id, version)
);
"""
PAGE = """SELECT created_at, id, document FROM orders WHERE (created_at, id) < (?, ?)
ORDER BY created_at DESC, id DESC LIMIT ?"""

Amount = Annotated[int, Field(strict=True, ge=0, lt=10**15)]
Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: Text
    name: Text
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    unit_price: Amount
    discount: Amount = 0
    tax: Amount = 0


class NewOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: Text
    total: Amount
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    external_ref: Text | None = None
    lines: Annotated[list[Line], Field(max_length=500)] = []
    shipping: Amount = 0
    discount: Amount = 0
    tax: Amount = 0
    tags: Annotated[list[Text], Field(max_length=20)] = []
    metadata: Annotated[dict[str, str], Field(max_length=50)] = {}

    @model_validator(mode="after")
    def adds_up(self) -> "NewOrder":
        lines = sum(line.quantity * line.unit_price - line.discount + line.tax for line in self.lines)
        if self.lines and lines + self.shipping + self.tax - self.discount != self.total:
            raise ValueError("lines + shipping + tax - discount must be the total")
        return self


class Cancellation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(max_length=100)] | None = None
    note: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Order(NewOrder):
    id: str
    status: Literal["pending", "processing", "shipped", "delivered", "cancelled"] = "pending"
    created_at: datetime
    updated_at: datetime
    cancellation: Cancellation | None = None
    version: int = 1


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    db = sqlite3.connect(os.environ["ORDERS_DB"], isolation_level=None, timeout=5)
    db.executescript(SCHEMA)
    app.state.db = db
    yield
    db.close()


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.post("/orders", status_code=201)
async def place_order(new: NewOrder, request: Request, response: Response, key: Key = None) -> Order:
    now = datetime.now(UTC)
    order = Order(id=str(uuid.uuid4()), created_at=now, updated_at=now, **dict(new))
    with transaction(request) as db:
        if (before := earlier_result(db, key)) is not None:
            order = before
        else:
            document = order.model_dump_json()
            values = (order.id, order.version, order.status, now.isoformat(timespec="microseconds"), document)
            db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", values)
            add_change(db, order, "OrderPlaced", key, document)
    response.headers["Location"] = f"/orders/{order.id}"
    response.headers["ETag"] = f'"{order.version}"'
    return order


@app.get("/orders/{order_id}")
async def get_order(order_id: str, request: Request, response: Response) -> Order:
    order = load(request.app.state.db, order_id)
    response.headers["ETag"] = f'"{order.version}"'
    return order


@app.get("/orders")
async def list_orders(
    request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: str | None = None
) -> Response:
    after = ("~", "") if cursor is None else position_of(cursor)  # "~" sorts after every time
    rows = request.app.state.db.execute(PAGE, (*after, limit + 1)).fetchall()
    has_more, rows = len(rows) > limit, rows[:limit]
    data = ",".join([document for _, _, document in rows])
    next_cursor = f'"{cursor_of(*rows[-1][:2])}"' if has_more else "null"
    page = f'{{"data":[{data}],"has_more":{"true" if has_more else "false"},"next_cursor":{next_cursor}}}'
    return Response(page, media_type="application/json")


@app.delete("/orders/{order_id}")
async def cancel_order(
    order_id: str,
    request: Request,
    response: Response,
    key: Key = None,
    if_match: Annotated[str | None, Header()] = None,
) -> dict[str, str]:
    with transaction(request) as db:
        order = earlier_result(db, key)
        if order is None:
            order = load(db, order_id)
            if if_match not in (None, f'"{order.version}"'):
                raise HTTPException(412, "The order has changed")
            if order.status not in ("pending", "processing"):
                raise HTTPException(422, f"An order that is {order.status} cannot be cancelled")
            order.status = "cancelled"
            order.cancellation = Cancellation()
            order.updated_at = datetime.now(UTC)
            order.version += 1
            document = order.model_dump_json()
            values = (order.version, order.status, document, order_id)
            db.execute("UPDATE orders SET version = ?, status = ?, document = ? WHERE id = ?", values)
            add_change(db, order, "OrderCancelled", key, document)
    response.headers["ETag"] = f'"{order.version}"'
    return {"status": order.status}


@contextmanager
def transaction(request: Request) -> Iterator[sqlite3.Connection]:
    db: sqlite3.Connection = request.app.state.db
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def cursor_of(created_at: str, order_id: str) -> str:
    return base64.urlsafe_b64encode(f"{created_at} {order_id}".encode()).decode()


def position_of(cursor: str) -> tuple[str, str]:
    try:
        created_at, order_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
    except (binascii.Error, ValueError) as error:
        raise HTTPException(422, "The cursor is not valid") from error
    return created_at, order_id


def load(db: sqlite3.Connection, order_id: str) -> Order:
    row = db.execute("SELECT document FROM orders WHERE id = ?", (order_id,)).fetchone()
    if row is None:
        raise HTTPException(404, "Order not found")
    return Order.model_validate_json(row[0])


def earlier_result(db: sqlite3.Connection, key: str | None) -> Order | None:
    if key is None:
        return None
    row = db.execute("SELECT document FROM changes WHERE key = ?", (key,)).fetchone()
    return None if row is None else Order.model_validate_json(row[0])


def add_change(db: sqlite3.Connection, order: Order, event: str, key: str | None, document: str) -> None:
    values = (order.id, order.version, order.updated_at.isoformat(), event, key, document)
    db.execute("INSERT INTO changes VALUES (NULL, ?, ?, ?, ?, ?, ?)", values)
