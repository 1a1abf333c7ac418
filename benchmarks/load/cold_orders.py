"""Orders for cold_start.py's functions to cancel, in a table of ours and one of the article's."""

import asyncio
import uuid
from datetime import UTC, datetime

from aiodynamo.client import Client
from aiodynamo.credentials import Credentials
from aiodynamo.http.aiohttp import AIOHTTP
from aiodynamo.models import KeySchema, KeySpec, KeyType, PayPerRequest
from aiohttp import ClientSession
from yarl import URL

from benchmarks.load.cold_functions import AGAINST, OURS, THEIRS
from orderkeep.application.dtos import PlaceOrder
from orderkeep.bootstrap import bootstrap
from orderkeep.bootstrap.stores import table_setup


def create_tables(endpoint: str, region: str) -> None:
    """Create both tables, named after whose they are."""
    asyncio.run(_create_tables(endpoint, region))


def place_orders(name: str, count: int, endpoint: str, region: str) -> list[str]:
    """Put pending orders into the table of that name; return their ids."""
    place = {OURS: _place_ours, AGAINST: _place_ours, THEIRS: _place_theirs}[name]
    return asyncio.run(place(count, endpoint, region))


async def _create_tables(endpoint: str, region: str) -> None:
    setup = table_setup(_url(endpoint, region))
    await setup.create()
    await setup.close()
    async with ClientSession() as session:
        keys = KeySchema(KeySpec("id", KeyType.string))
        await _client(session, endpoint, region).create_table(THEIRS, PayPerRequest(), keys)


async def _place_ours(count: int, endpoint: str, region: str) -> list[str]:
    use_cases = bootstrap(_url(endpoint, region))
    try:
        command = PlaceOrder(user_id="user-42", total=9900, currency="EUR")
        return [(await use_cases.place_order.execute(command)).order.id for _ in range(count)]
    finally:
        await use_cases.close()


async def _place_theirs(count: int, endpoint: str, region: str) -> list[str]:
    ids = [str(uuid.uuid4()) for _ in range(count)]
    async with ClientSession() as session:
        client = _client(session, endpoint, region)
        for id in ids:  # as boto3 reads them back: it takes neither 99.0 nor datetime.now()
            order = {"id": id, "user_id": "user-42", "total": 99, "status": "pending"}
            await client.put_item(THEIRS, order | {"created_at": datetime.now(UTC).isoformat()})
    return ids


def _client(session: ClientSession, endpoint: str, region: str) -> Client:
    return Client(AIOHTTP(session), Credentials.auto(), region, URL(endpoint))


def _url(endpoint: str, region: str) -> str:
    return f"dynamodb://{OURS}?region={region}&endpoint={endpoint}"
