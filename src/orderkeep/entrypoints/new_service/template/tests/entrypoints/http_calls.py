"""A client of the application on an empty memory store, without a server in between."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from sample_service.bootstrap import build_use_cases
from sample_service.entrypoints.api.app import create_app
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import clock_from_later


@pytest.fixture
async def app() -> AsyncIterator[FastAPI]:
    """The application between start and stop."""
    app = create_app(build_use_cases(InMemorySampleItemRepository(), clock_from_later()))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """A client that gets a response to a request that fails, as over a network."""
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def place(client: AsyncClient, name: str = "First") -> str:
    """Place a sample item, and return its ID."""
    placed = await client.post("/sample-items", json={"name": name})
    assert placed.status_code == 201, placed.text
    return str(placed.json()["id"])
