"""Stores on DynamoDB behind a proxy that a test controls."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from tests.servers.dynamodb import REGION, Server
from tests.servers.dynamodb_proxy import DynamoProxy


@asynccontextmanager
async def store_behind_a_proxy(server: Server) -> AsyncIterator[tuple[OrderStore, DynamoProxy]]:
    """Open a store on a new table, through a proxy."""
    table = await server.new_table()
    async with DynamoProxy(server.endpoint, REGION) as proxy:
        store = open_store(proxy.url_of(table))
        try:
            yield store, proxy
        finally:
            await store.close()


def recorded_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make random pauses empty, and return a list that receives how long each may have been at most, in seconds."""
    longest: list[float] = []

    def no_pause(_: float, pause: float) -> float:
        longest.append(pause)
        return 0

    monkeypatch.setattr(random, "uniform", no_pause)
    return longest
