"""Connections, in a pool for each event loop, and the tables, which are created and migrated with the first one."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

from orderkeep.application.ports import StoreAccess
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.infrastructure.postgres_repo import fence
from orderkeep.infrastructure.postgres_repo.errors import BAD_URL, CLOSED, in_our_words

MIGRATIONS = Path(__file__).parent / "migrations"

OLDEST_SERVER = 130_000
"""The first with transaction numbers of 64 bits, which the feed needs."""

_SETTINGS = """
    SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
        current_setting('synchronous_commit')
"""
_EXISTS = "SELECT to_regclass('orderkeep_migrations') IS NOT NULL"
VERSION = "SELECT coalesce(max(number), 0) FROM orderkeep_migrations"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('orderkeep migrations ' || current_schema(), 0))"
_CREATE_MIGRATIONS = """
    CREATE TABLE IF NOT EXISTS orderkeep_migrations (
        number     integer     PRIMARY KEY,
        name       text        NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
_APPLIED = "INSERT INTO orderkeep_migrations (number, name) VALUES ($1, $2)"
_NUMBERS_RESTARTED = """
    SELECT (SELECT max(tx) FROM changes) - beginning_of_feed
        >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM feed
"""
_RAISE_BEGINNING = "UPDATE feed SET beginning_of_feed = (SELECT max(tx) FROM changes)"

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0
ACQUIRE_SECONDS = 10.0
CLOSE_SECONDS = 10.0

RELEASE_SECONDS = 0.5
"""How long a server may take to confirm that it cancelled a statement, before the connection is closed."""

VALUES = {
    "sslmode": "disable allow prefer require verify-ca verify-full",
    "target_session_attrs": "any primary standby read-write read-only prefer-standby",
}
"""The values of parameters that the driver rejects without a name."""

UNSUPPORTED = (
    "channel_binding client_encoding fallback_application_name gssdelegation gssencmode hostaddr keepalives "
    "keepalives_count keepalives_idle keepalives_interval load_balance_hosts max_protocol_version min_protocol_version "
    "oauth_client_id oauth_client_secret oauth_issuer oauth_scope pgbouncer replication require_auth requirepeer "
    "scram_client_key scram_server_key servicefile sslcertmode sslcompression sslcrldir sslkeylogfile sslsni "
    "tcp_user_timeout"
)
"""Parameters of libpq and other drivers that asyncpg would send to the server, which does not know them."""

FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
"""Parameters that name a file."""

IN_INDEX_ORDER = {
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
"""So that a list reads its index from the start of the page to its end. With wrong statistics, the planner could read
and sort all orders of a user instead. Where a few keys must be sorted, the penalty for it would start the JIT compiler.
"""

_IN_INDEX_ORDER_HERE = "; ".join(f"SET LOCAL {name} = {value}" for name, value in IN_INDEX_ORDER.items())


@dataclass(slots=True)
class _Home:
    """What one event loop has of the store."""

    opening: asyncio.Task[None] | None = None
    pool: Any = None
    behind_pooler: bool = False
    lifetime: AsyncGenerator[None] | None = None


class Connections:
    """Lends connections, from a pool for each event loop. No setting outlives a statement or transaction, so nothing
    has to be reset on return, and a pooler may be in between.
    """

    def __init__(self, url: str, size: int, *, migrate: bool, access: StoreAccess) -> None:
        self._url, self._parameters, self._connect_seconds = read_url(url)
        self._size, self._migrate, self._access = size, migrate, access
        self._settings = {} if "application_name" in self._parameters else {"application_name": "orderkeep"}
        self._homes: dict[asyncio.AbstractEventLoop, _Home] = {}
        self._closed = False

    async def rows(self, query: str, *parameters: Any) -> list[Any]:
        """Run one statement, in one round trip, and return its rows. Raises what asyncpg raises."""
        home = await self._home()
        if home.behind_pooler or self._access is StoreAccess.MOVE:
            async with self.transaction(readonly=self._access is StoreAccess.READ) as connection:
                await connection.execute(_IN_INDEX_ORDER_HERE)
                found: list[Any] = await connection.fetch(query, *parameters)
            return found
        pool = home.pool  # which `close` takes away meanwhile
        connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
        try:
            found = await connection.fetch(query, *parameters)
        finally:
            await _release(pool, connection)
        return found

    @asynccontextmanager
    async def transaction(self, *, readonly: bool = False, isolation: str | None = None) -> AsyncIterator[Any]:
        """Lend a connection for one transaction: committed at the end, rolled back after an exception."""
        pool = (await self._home()).pool
        connection, timer = await pool.acquire(timeout=ACQUIRE_SECONDS), None
        try:
            async with connection.transaction(readonly=readonly, isolation=isolation):
                try:
                    if self._access is StoreAccess.MOVE:
                        await connection.execute(fence.MOVES)
                    yield connection
                except (TimeoutError, asyncio.CancelledError):  # then ROLLBACK waits for the server, which may hang
                    timer = asyncio.get_running_loop().call_later(RELEASE_SECONDS, connection.terminate)
                    raise
        finally:
            await _release(pool, connection)
            if timer is not None:
                timer.cancel()

    async def migrate(self) -> tuple[int, int]:
        """Create or migrate the tables. Raises `StoreUnavailable`."""
        with in_our_words():
            async with self._alone() as connection:
                return await prepare(connection, migrate=True, access=StoreAccess.CREATE)

    async def run_alone(self, statements: Sequence[str]) -> None:
        """Run statements that cannot be part of a transaction, on a connection of their own."""
        async with self._alone() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def close(self) -> None:
        """Finish the statements in progress in this loop, then close all connections."""
        self._closed = True
        here = asyncio.get_running_loop()
        for loop, home in list(self._homes.items()):
            if loop is here and home.opening is not None:
                home.opening.cancel()
                await asyncio.wait([home.opening])
                if home.lifetime is None:
                    self._homes.pop(loop, None)
            if loop is here and home.lifetime is not None:
                await home.lifetime.aclose()
            elif home.pool is not None and loop.is_running():
                loop.call_soon_threadsafe(home.pool.terminate)

    async def _home(self) -> _Home:
        if self._closed:
            raise StoreUnavailable(CLOSED)
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop) or self._homes.setdefault(loop, _Home())
        if home.pool is None:
            if home.opening is None or home.opening.done():
                home.opening = loop.create_task(self._open(loop, home))
                home.opening.add_done_callback(_retrieve_exception)
            opening = home.opening
            try:
                await asyncio.shield(opening)  # a caller that gives up does not interrupt a long migration
            except asyncio.CancelledError:
                if opening.cancelled():  # by `close`
                    raise StoreUnavailable(CLOSED) from None
                raise
        return home

    async def _open(self, loop: asyncio.AbstractEventLoop, home: _Home) -> None:
        lifetime = self._lifetime(loop, home)
        await anext(lifetime)
        home.lifetime = lifetime

    async def _lifetime(self, loop: asyncio.AbstractEventLoop, home: _Home) -> AsyncGenerator[None]:
        # A generator: asyncio.run closes generators before the loop.
        async with self._alone() as connection:
            home.behind_pooler = await _is_behind_pooler(connection)
            await prepare(connection, migrate=self._migrate, access=self._access)
        # A pooler hands each transaction to another session: what was prepared or set in one is not so in the next.
        home.pool = pool = await asyncpg.create_pool(
            min_size=0,
            max_size=self._size,
            reset=_nothing_to_reset,
            max_cached_statement_lifetime=0,
            **self._options(in_one_session=not home.behind_pooler),
        )
        try:
            if self._closed:  # meanwhile
                raise StoreUnavailable(CLOSED)
            yield
        finally:
            home.pool = None
            self._homes.pop(loop, None)
            try:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(pool.close(), CLOSE_SECONDS)
            finally:
                pool.terminate()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Any]:
        try:
            connection = await asyncpg.connect(**self._options(in_one_session=False))
        except ValueError as error:  # whose message may contain the password
            raise StoreUnusable(BAD_URL) from error
        except OSError as error:
            if unreadable := self._unreadable_file():
                raise unreadable from error
            raise
        except asyncpg.PostgresError as error:
            for name in self._parameters:
                if f'"{name}"' in str(error):
                    reason = f"PostgreSQL rejects the parameter {name} of the store's URL: correct or remove it"
                    raise StoreUnusable(f"{reason} ({error.sqlstate})") from error
            raise
        try:
            yield connection
            await connection.close(timeout=CLOSE_SECONDS)
        finally:
            connection.terminate()

    def _unreadable_file(self) -> StoreUnusable | None:
        for name, value in parse_qsl(urlsplit(self._url).query):
            if name in FILES and not os.access(value, os.R_OK):
                return StoreUnusable(f"the file that {name} in the store's URL names cannot be read: correct the path")
        return None

    def _options(self, *, in_one_session: bool) -> dict[str, Any]:
        settings = self._settings | (IN_INDEX_ORDER if in_one_session else {})
        if in_one_session and self._access is StoreAccess.READ:
            settings |= {"default_transaction_read_only": "on"}
        return {
            "dsn": self._url,
            "timeout": self._connect_seconds,
            "command_timeout": COMMAND_SECONDS,
            "statement_cache_size": 100 if in_one_session else 0,  # more than the store has
            "server_settings": settings,
        }


def read_url(url: str) -> tuple[str, frozenset[str], float]:
    """Return the URL for asyncpg, the names of its parameters, and the seconds that `connect_timeout` allows. Raises
    `ValueError` with the name of a parameter that is not supported, repeated or invalid.
    """
    query = urlsplit(url).query
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError("the URL of a PostgreSQL store must contain each parameter at most once")
    for name, allowed in VALUES.items():
        if name in given and given[name] not in allowed.split():
            expected = f"must be one of {allowed.replace(' ', ', ')}"
            raise ValueError(f"the parameter {name} of a PostgreSQL store's URL {expected}")
    if unsupported := ", ".join(sorted(given.keys() & {*UNSUPPORTED.split()})):
        raise ValueError(f"the URL of a PostgreSQL store does not support the parameter {unsupported}: remove it")
    if "connect_timeout" not in given:
        return url, frozenset(given), CONNECT_SECONDS
    seconds = given.pop("connect_timeout")
    if not (seconds.isdecimal() and seconds.isascii() and len(seconds) < 4 and int(seconds)):
        raise ValueError("the parameter connect_timeout of a PostgreSQL store's URL must be 1 to 999 seconds")
    return url.replace(f"?{query}", f"?{urlencode(given)}" if given else "", 1), frozenset(given), float(seconds)


async def _is_behind_pooler(connection: Any) -> bool:
    # A pooler that shares sessions gives its clients a process id of its own.
    async with connection.transaction():
        return bool(await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid())


async def _release(pool: Any, connection: Any) -> None:
    """Return a connection to the pool. If a statement on it was cancelled and the server does not confirm that in time,
    the connection is closed.
    """
    with contextlib.suppress(TimeoutError):
        await pool.release(connection, timeout=RELEASE_SECONDS)


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """Prevent a warning if every caller that waited for the task has given up."""
    if not task.cancelled():
        task.exception()


async def _nothing_to_reset(connection: Any) -> None:
    """Save the RESET ALL that asyncpg would send whenever a connection is returned."""


async def prepare(
    connection: Any, *, migrate: bool, access: StoreAccess = StoreAccess.CREATE, migrations: Path = MIGRATIONS
) -> tuple[int, int]:
    """Check the tables; with `migrate`, create or migrate them in one transaction if that is allowed. Return the
    schema's number before and after. Raises `StoreUnusable`.
    """
    files = sorted(migrations.glob("*.sql"))  # noqa: ASYNC240  # a handful, once
    async with connection.transaction():
        await _check_server(connection, access)
        found = await _version(connection, len(files))
    if not found and access is not StoreAccess.CREATE:
        raise StoreUnusable(
            "this database has no tables of orderkeep: correct the URL, or create them with `orderkeep migrate`"
        )
    if found < len(files):
        if access is StoreAccess.READ or not migrate:
            raise StoreUnusable(
                f"the database has schema {found}, and this version requires {len(files)}: run `orderkeep migrate`"
            )
        found = await _apply(connection, files)
    await _continue_after_restored(connection, access)
    return found, len(files)


def newest_schema() -> int:
    """Return the number of the schema that this code requires."""
    return len(list(MIGRATIONS.glob("*.sql")))


async def _check_server(connection: Any, access: StoreAccess) -> None:
    number, encoding, durable = await connection.fetchrow(_SETTINGS)
    if number < OLDEST_SERVER:
        raise StoreUnusable(f"PostgreSQL {number // 10_000} is too old: 13 or newer is required")
    if encoding != "UTF8":
        raise StoreUnusable(f"the database uses the encoding {encoding}: create one with createdb --encoding UTF8")
    if durable == "off" and access is not StoreAccess.READ:
        raise StoreUnusable(
            "PostgreSQL confirms commits before they are durable: run ALTER ROLE … SET synchronous_commit = on"
        )


async def _version(connection: Any, newest: int) -> int:
    version: int = await connection.fetchval(VERSION) if await connection.fetchval(_EXISTS) else 0
    if version > newest:
        raise StoreUnusable(
            f"the database has schema {version} of a newer version, and this one supports {newest}: upgrade orderkeep"
        )
    return version


async def _apply(connection: Any, files: list[Path]) -> int:
    async with connection.transaction():
        await connection.execute(_LOCK)
        # Another process may have been faster, so the version is read again now that the lock is held. This session may
        # not see yet that the table exists; creating it makes it see.
        await connection.execute(_CREATE_MIGRATIONS)
        found = await _version(connection, len(files))
        for number, file in enumerate(files[found:], start=found + 1):
            await connection.execute(file.read_text(encoding="utf-8"))
            await connection.execute(_APPLIED, number, file.name)
    return found


async def _continue_after_restored(connection: Any, access: StoreAccess) -> None:
    async with connection.transaction():
        if not await connection.fetchval(_NUMBERS_RESTARTED):
            return
        if access is StoreAccess.READ:
            raise StoreUnusable(
                "this database was restored from a dump: run `orderkeep migrate` once before you read it"
            )
        await connection.execute(_LOCK)
        if await connection.fetchval(_NUMBERS_RESTARTED):
            await connection.execute(_RAISE_BEGINNING)
