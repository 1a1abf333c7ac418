"""The PostgreSQL store's own statements on a plain `asyncpg` pool of the same size, for stores.py."""

from typing import Any

import asyncpg

from orderkeep.application.ports import OrderFilter
from orderkeep.infrastructure.postgres_repo.connections import IN_INDEX_ORDER
from orderkeep.infrastructure.postgres_repo.queries import LISTS, POSTGRES, write_of
from orderkeep.infrastructure.postgres_repo.repository import POOL_SIZE
from orderkeep.infrastructure.serialization import Commit
from orderkeep.infrastructure.sql_store import GET_ORDER, GET_SNAPSHOT, Row, list_query

GET, LOAD = POSTGRES.sql(GET_SNAPSHOT), POSTGRES.sql(GET_ORDER)


class Driver:
    """A pool of connections to the store's database, which the store has made."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool: Any = None

    async def open(self) -> None:
        self.pool = await asyncpg.create_pool(
            self.url, min_size=0, max_size=POOL_SIZE, reset=_nothing, server_settings=IN_INDEX_ORDER
        )

    def prepare(self, commit: Commit) -> tuple[str, str, Row]:
        return commit.order.id, *write_of(commit)

    async def get(self, order_id: str) -> object:
        return await self.pool.fetchrow(GET, order_id)

    async def page(self, size: int) -> int:
        query, parameters = list_query(POSTGRES, LISTS, OrderFilter(), None, size + 1)
        return len(await self.pool.fetch(query, *parameters)) - 1

    async def place(self, prepared: tuple[str, str, Row]) -> None:
        _, statement, parameters = prepared
        await self.pool.fetch(statement, *parameters)

    async def cancel(self, prepared: tuple[str, str, Row]) -> None:
        await self.pool.fetchrow(LOAD, prepared[0])
        await self.place(prepared)

    async def close(self) -> None:
        await self.pool.close()


async def _nothing(connection: Any) -> None:
    """As the store does: nothing was set that would have to be reset."""
