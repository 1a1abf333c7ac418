"""Connections: a pool for each event loop, opened when first used there, closed with the loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo.errors import BAD_URL, CLOSED, in_our_words
from orderkeep.infrastructure.postgres_repo.schema import prepare

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0
ACQUIRE_SECONDS = 10.0
CLOSE_SECONDS = 10.0
STATEMENTS = 200
"""How many statements a connection keeps prepared: all that there are."""

IN_INDEX_ORDER = {"enable_sort": "off", "enable_incremental_sort": "off", "enable_bitmapscan": "off"}
"""So that a list enters its index where the page begins and stops where it ends. By its statistics the planner may
think better to read all orders of a user and sort them, and then be wrong about how many those are.
"""

_IN_INDEX_ORDER_HERE = "; ".join(f"SET LOCAL {name} = {value}" for name, value in IN_INDEX_ORDER.items())


@dataclass(slots=True)
class _Home:
    """What one event loop has of the store."""

    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    pool: Any = None
    behind_pooler: bool = False
    end: AsyncGenerator[None] | None = None


class Connections:
    """Lends connections, to the event loop that asks. Nothing is left set on a connection that is given back, so that
    nothing has to be cleaned up there, and so that a pooler may stand in between.
    """

    def __init__(self, url: str, size: int, *, migrate: bool) -> None:
        self._url, self._size, self._migrate = url, size, migrate
        named = "application_name" in parse_qs(urlsplit(url).query)
        self._settings = {} if named else {"application_name": "orderkeep"}
        self._homes: dict[asyncio.AbstractEventLoop, _Home] = {}
        self._closed = False

    async def rows(self, query: str, *parameters: Any) -> list[Any]:
        """Run one statement, in one round trip, and return its rows. Raises what asyncpg raises."""
        home = await self._home()
        async with home.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            if home.behind_pooler:
                async with connection.transaction():
                    await connection.execute(_IN_INDEX_ORDER_HERE)
                    found: list[Any] = await connection.fetch(query, *parameters)
            else:
                found = await connection.fetch(query, *parameters)
        return found

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Lend a connection for one transaction: committed at the end, rolled back where something is raised."""
        home = await self._home()
        async with home.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            yield connection

    async def migrate(self) -> tuple[int, int]:
        """Make the tables or bring them up to date. Raises `StoreUnavailable`."""
        with in_our_words():
            async with self._alone() as connection:
                return await prepare(connection, migrate=True)

    async def close(self) -> None:
        """Let what is under way here finish, then let go of all connections."""
        self._closed = True
        here = asyncio.get_running_loop()
        for loop, home in list(self._homes.items()):
            if loop is here:
                await self._leave(loop, home)
            elif home.pool is not None and loop.is_running():
                loop.call_soon_threadsafe(home.pool.terminate)

    async def _home(self) -> _Home:
        self._check_not_closed()
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop)
        if home is None:
            home = self._homes[loop] = _Home()
        if home.pool is None:
            async with home.opening:
                if home.pool is None:
                    await self._open(home)
        try:
            self._check_not_closed()  # while it was being opened
        except StoreUnavailable:
            await self._leave(loop, home)
            raise
        return home

    def _check_not_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable(CLOSED)

    async def _open(self, home: _Home) -> None:
        async with self._alone() as connection:
            home.behind_pooler = await _is_behind_pooler(connection)
            await prepare(connection, migrate=self._migrate)
        # A pooler hands each transaction to another session: what was prepared or set in one is not so in the next.
        home.pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._size,
            reset=_nothing_to_reset,
            statement_cache_size=0 if home.behind_pooler else STATEMENTS,
            max_cached_statement_lifetime=0,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings=self._settings if home.behind_pooler else self._settings | IN_INDEX_ORDER,
        )
        home.end = self._until_the_loop_ends(asyncio.get_running_loop(), home)
        await anext(home.end)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Any]:
        try:
            connection = await asyncpg.connect(
                self._url,
                statement_cache_size=0,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                server_settings=self._settings,
            )
        except ValueError as error:  # it may say a part of the password
            raise StoreUnusable(BAD_URL) from error
        try:
            yield connection
            await connection.close(timeout=CLOSE_SECONDS)
        finally:
            connection.terminate()

    async def _until_the_loop_ends(self, loop: asyncio.AbstractEventLoop, home: _Home) -> AsyncGenerator[None]:
        # A loop that shuts down closes the generators that were begun in it. asyncio.run does so.
        try:
            yield
        finally:
            await self._leave(loop, home)

    async def _leave(self, loop: asyncio.AbstractEventLoop, home: _Home) -> None:
        self._homes.pop(loop, None)
        pool, home.pool = home.pool, None
        if pool is None:
            return
        try:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(pool.close(), CLOSE_SECONDS)
        finally:
            pool.terminate()


async def _is_behind_pooler(connection: Any) -> bool:
    # A pooler that shares sessions out gives its clients a process number of its own making.
    async with connection.transaction():
        return bool(await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid())


async def _nothing_to_reset(connection: Any) -> None:
    """Spare the RESET ALL that asyncpg would send whenever a connection is given back."""
