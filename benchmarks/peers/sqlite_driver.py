"""The SQLite store's own statements on a plain `sqlite3` connection, for stores.py: no loop, no thread, no objects."""

import sqlite3
from urllib.parse import unquote, urlsplit

from orderkeep.application.ports import OrderFilter
from orderkeep.infrastructure.serialization import Commit
from orderkeep.infrastructure.sqlite_repo.lists import list_query
from orderkeep.infrastructure.sqlite_repo.rows import INSERT_CHANGE, ORDER_COLUMNS, SNAPSHOT_COLUMNS, Write

GET = f"SELECT {SNAPSHOT_COLUMNS} FROM orders AS o WHERE id = ?"
LOAD = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = ?"


class Driver:
    """One connection to the store's file, which the store has made."""

    def __init__(self, url: str) -> None:
        self.connection = sqlite3.connect(unquote(urlsplit(url).path.removeprefix("/")), isolation_level=None)
        self.connection.execute("PRAGMA synchronous = FULL")
        self.cursor = self.connection.cursor()

    async def open(self) -> None:
        return None

    def prepare(self, commit: Commit) -> Write:
        """Return what `place` or `cancel` will write: making it is no driver's work."""
        return Write.of(commit)

    async def get(self, order_id: str) -> bytes:
        return bytes(self.cursor.execute(GET, (order_id,)).fetchone()[5])

    async def page(self, size: int) -> int:
        query, parameters = list_query(OrderFilter(), None, size + 1)
        return len(self.cursor.execute(query, parameters).fetchall()) - 1

    async def place(self, write: Write) -> None:
        self.cursor.execute("BEGIN IMMEDIATE")
        self.cursor.execute(write.order_sql, write.order_row)
        self.cursor.execute(INSERT_CHANGE, write.change_row)
        self.cursor.execute("COMMIT")

    async def cancel(self, write: Write) -> None:
        self.cursor.execute(LOAD, (write.order_id,)).fetchone()
        await self.place(write)

    async def close(self) -> None:
        self.connection.close()
