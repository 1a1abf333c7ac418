"""The SQLite store's own statements on a plain `sqlite3` connection, for stores.py: no loop, no thread, no objects."""

import sqlite3
from urllib.parse import unquote, urlsplit

from orderkeep.application.ports import OrderFilter
from orderkeep.infrastructure.serialization import Commit
from orderkeep.infrastructure.sql_store import GET_ORDER, GET_SNAPSHOT, list_query
from orderkeep.infrastructure.sqlite_repo.queries import INSERT_CHANGE, LISTS, SQLITE, Write, write_of

GET, LOAD = SQLITE.sql(GET_SNAPSHOT), SQLITE.sql(GET_ORDER)


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
        return write_of(commit)

    async def get(self, order_id: str) -> bytes:
        return bytes(self.cursor.execute(GET, (order_id,)).fetchone()[5])

    async def page(self, size: int) -> int:
        query, parameters = list_query(SQLITE, LISTS, OrderFilter(), None, size + 1)
        return len(self.cursor.execute(query, parameters).fetchall()) - 1

    async def place(self, write: Write) -> None:
        self.cursor.execute("BEGIN IMMEDIATE")
        self.cursor.execute(write.statement, write.parameters)
        self.cursor.execute(INSERT_CHANGE, write.change)
        self.cursor.execute("COMMIT")

    async def cancel(self, write: Write) -> None:
        self.cursor.execute(LOAD, (write.order_id,)).fetchone()
        await self.place(write)

    async def close(self) -> None:
        self.connection.close()
