"""Orders in a SQLite file. The only file of the service that contains SQL."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime

from domain.entities import Order
from domain.exceptions import ConcurrentUpdate
from domain.repositories import OrderRepository

TABLE = """CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, total INTEGER NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL,
    version INTEGER NOT NULL
)"""
INSERT = "INSERT OR IGNORE INTO orders VALUES (:id, :user_id, :total, :status, :created_at, 1)"
UPDATE = "UPDATE orders SET status = :status, version = version + 1 WHERE id = :id AND version = :version"


class SqliteOrderRepository(OrderRepository):
    def __init__(self, path: str) -> None:
        self.path = path

    async def get_by_id(self, order_id: str) -> Order | None:
        return await asyncio.to_thread(self._get, order_id)  # sqlite3 blocks: not on the event loop

    async def save(self, order: Order) -> None:
        await asyncio.to_thread(self._save, order)

    def _get(self, order_id: str) -> Order | None:
        with closing(self._connect()) as db:
            row = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        if row is None:
            return None
        created_at = datetime.fromisoformat(row["created_at"])
        return Order(row["id"], row["user_id"], row["total"], row["status"], created_at, row["version"])

    def _save(self, order: Order) -> None:
        values = vars(order) | {"created_at": order.created_at.isoformat()}
        with closing(self._connect()) as db, db:
            written = db.execute(UPDATE if order.version else INSERT, values).rowcount
        if not written:
            raise ConcurrentUpdate(order.id)
        order.version += 1

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path)
        db.row_factory = sqlite3.Row
        db.execute(TABLE)
        return db
