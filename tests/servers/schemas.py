"""A schema of its own for each test: an empty store, made in a few milliseconds on a server that many use."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg


@contextmanager
def a_schema_of_its_own(server: str) -> Iterator[str]:
    """Make a schema, give the URL of a store in it, and drop it afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    ask(server, f"CREATE SCHEMA {name}")
    try:
        yield f"{server}{'&' if '?' in server else '?'}search_path={name}"
    finally:
        ask(server, f"DROP SCHEMA {name} CASCADE")


def ask(url: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the database itself, past the store. Not to be called within an event loop: await `look` there."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(look(url, query, *parameters))
    finally:
        loop.close()


async def look(url: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the database itself, past the store."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *parameters)]
    finally:
        await connection.close()
