"""Orders in a SQLite file. The only file of the service that contains SQL."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime

from domain.entities import Order
from domain.repositories import OrderRepository

TABLE = """CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, total INTEGER NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL
)"""


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
        return Order(row["id"], row["user_id"], row["total"], row["status"], created_at)

    def _save(self, order: Order) -> None:
        values = (order.id, order.user_id, order.total, order.status, order.created_at.isoformat())
        with closing(self._connect()) as db, db:
            db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?)", values)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path)
        db.row_factory = sqlite3.Row
        db.execute(TABLE)
        return db
