"""The article's route, as printed, on our DynamoOrderRepository: connected by the table's name and the environment."""

import importlib.util
import os
import sys
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from orderkeep.domain.entities import Order
from orderkeep.infrastructure.dynamo_repo import DynamoOrderRepository
from tests.servers.dynamodb import REGION, Server

PRINTED = Path(__file__).parent / "article" / "orders.py"
THEIRS, OURS = "from tests.article.dynamo_repo import", "from orderkeep.infrastructure.dynamo_repo import"


@pytest.fixture
async def articles_app(dynamodb: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint)
    monkeypatch.setenv("ORDERS_TABLE", await dynamodb.new_table())
    printed = PRINTED.read_text(encoding="utf-8")
    assert printed.count(THEIRS) == 1
    file = tmp_path / "orders.py"
    file.write_text(printed.replace(THEIRS, OURS), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("articles_orders", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    app = FastAPI()
    app.include_router(module.router)
    return app


async def test_the_articles_route_cancels_in_dynamodb(articles_app: FastAPI) -> None:
    repo = DynamoOrderRepository(os.environ["ORDERS_TABLE"])
    await repo.save(Order("1", "user-42", 99.0, "pending", datetime.now()))  # type: ignore[arg-type]  # noqa: DTZ005
    transport = httpx.ASGITransport(articles_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        cancelled = await client.delete("/orders/1")
        again = await client.delete("/orders/1")
        unknown = await client.delete("/orders/2")

    assert (cancelled.status_code, cancelled.json()) == (200, {"status": "cancelled"})
    assert (again.status_code, again.json()) == (422, {"detail": "Order cannot be cancelled: it is cancelled"})
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Order not found"})
    saved = await repo.get_by_id("1")
    assert saved is not None
    assert (saved.status, saved.total.minor, saved.version) == ("cancelled", 9_900, 2)


async def test_a_repository_for_each_request_makes_no_connection_for_each_request(articles_app: FastAPI) -> None:
    first = DynamoOrderRepository(os.environ["ORDERS_TABLE"])
    await first.get_by_id("1")
    others = [DynamoOrderRepository(os.environ["ORDERS_TABLE"]) for _ in range(5)]
    for other in others:
        await other.get_by_id("1")
    clients = {id(await repo._table.client()) for repo in [first, *others]}
    assert len(clients) == 1


async def test_a_repository_that_is_closed_leaves_the_others_their_connections(articles_app: FastAPI) -> None:
    first, second = (DynamoOrderRepository(os.environ["ORDERS_TABLE"]) for _ in range(2))
    await first.get_by_id("1")
    await second.get_by_id("1")
    client = await second._table.client()
    await first.close()
    assert await second._table.client() is client
    await second.close()
    third = DynamoOrderRepository(os.environ["ORDERS_TABLE"])
    assert await third._table.client() is not client
    await third.close()
