"""The article's snippets, which lie in `article/` as they were printed, work with our classes in any mixture."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.domain.lifecycle import CannotCancelOrder
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command
from tests.article import use_cases
from tests.article.boto3_fake import TABLES
from tests.article.dynamo_repo import DynamoOrderRepository
from tests.article.repositories import OrderRepository
from tests.article.test_cancel_order import InMemoryOrderRepository as ArticlesRepository
from tests.entrypoints.lambda_calls import Request, http_api
from tests.entrypoints.lambda_containers import Context

EveryUseCase = pytest.mark.parametrize(
    "use_case", [CancelOrderUseCase, use_cases.CancelOrderUseCase], ids=["ours", "the-article's"]
)
EveryRepository = pytest.mark.parametrize(
    "repository", [InMemoryOrderRepository, ArticlesRepository], ids=["ours", "the-article's"]
)


def the_articles_order(status: str = "pending") -> Order:
    return Order("1", "user-42", 99.0, status, datetime.now())  # type: ignore[arg-type]  # noqa: DTZ005


@EveryUseCase
@EveryRepository
async def test_either_use_case_cancels_an_order_in_either_repository(
    use_case: Callable[[Any], Any], repository: Callable[[list[Order]], Any]
) -> None:
    repo = repository([the_articles_order()])
    await use_case(repo).execute("1")
    assert (await repo.get_by_id("1")).status == "cancelled"


@EveryUseCase
@EveryRepository
async def test_either_use_case_rejects_in_either_repository(
    use_case: Callable[[Any], Any], repository: Callable[[list[Order]], Any]
) -> None:
    repo = repository([the_articles_order("shipped")])
    with pytest.raises(CannotCancelOrder, match="shipped"):
        await use_case(repo).execute("1")
    with pytest.raises(OrderNotFound):
        await use_case(repo).execute("2")


@EveryRepository
async def test_a_result_has_the_version_that_its_commit_makes(repository: Callable[[list[Order]], Any]) -> None:
    result = await CancelOrderUseCase(repository([the_articles_order()])).execute("1")
    before = 1 if repository is InMemoryOrderRepository else 0  # the article's counts no versions
    assert (result.version, result.order.version) == (before + 1, before + 1)


async def test_a_status_that_is_set_as_the_article_sets_it_is_kept_and_counted() -> None:
    repo = InMemoryOrderRepository([the_articles_order()])
    await use_cases.CancelOrderUseCase(repo).execute("1")
    first, second = await repo.list_changes("1", 0, 10)
    assert (first.order.status, second.order.status, second.version) == ("pending", "cancelled", 2)


@EveryRepository
async def test_a_repeated_placement_overwrites_no_order_in_either_repository(
    repository: Callable[[list[Order]], Any],
) -> None:
    repo, request = repository([]), CommandContext(key="3f1c-the-key")
    placed = await PlaceOrderUseCase(repo).execute(place_command(), request)
    await CancelOrderUseCase(repo).execute(placed.order_id)
    repeated = await PlaceOrderUseCase(repo).execute(place_command(), request)
    assert (repeated.order_id, repeated.replayed) == (placed.order_id, True)
    assert (await repo.get_by_id(placed.order_id)).status == "cancelled"


async def test_a_repository_of_the_articles_shape_keeps_our_orders() -> None:
    class Kept(OrderRepository):
        order: Order | None = None

        async def get_by_id(self, order_id: str) -> Order | None:
            return self.order

        async def save(self, order: Order) -> None:
            self.order = order

    repo = Kept()
    await repo.save(the_articles_order("processing"))
    await CancelOrderUseCase(repo).execute("1")  # type: ignore[arg-type]  # has the shape, not the name
    assert repo.order is not None
    assert repo.order.status == "cancelled"


@contextmanager
def a_loop() -> Iterator[None]:
    """Give the thread a loop, as Lambda's handlers have one: Mangum takes it, or makes one that nobody closes."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.fixture(scope="module")
def articles_handler() -> Any:
    with a_loop():
        return importlib.import_module("tests.article.lambda_handler").handler


@pytest.fixture
async def articles_app(articles_handler: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setenv("ORDERS_TABLE", "orders")
    TABLES.clear()
    transport = httpx.ASGITransport(articles_handler.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        yield client


def test_article_handler_responds_to_lambda_through_mangum(
    articles_handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERS_TABLE", "orders")
    TABLES.clear()
    asyncio.run(DynamoOrderRepository("orders").save(the_articles_order()))
    with a_loop():
        events = [http_api(Request("DELETE", f"/orders/{number}"), stage="$default") for number in (1, 1, 2)]
        found = [articles_handler(event, Context()) for event in events]
    assert [(answer["statusCode"], answer["body"]) for answer in found] == [
        (200, '{"status":"cancelled"}'),
        (422, '{"detail":"Order cannot be cancelled: it is cancelled"}'),
        (404, '{"detail":"Order not found"}'),
    ]


async def test_article_route_and_handler_respond_as_the_article_says(articles_app: httpx.AsyncClient) -> None:
    repo = DynamoOrderRepository("orders")
    await repo.save(the_articles_order())

    cancelled = await articles_app.delete("/orders/1")
    assert (cancelled.status_code, cancelled.json()) == (200, {"status": "cancelled"})
    saved = await repo.get_by_id("1")
    assert saved is not None
    assert (saved.status, saved.total.minor) == ("cancelled", 9_900)

    again = await articles_app.delete("/orders/1")
    assert (again.status_code, again.json()) == (422, {"detail": "Order cannot be cancelled: it is cancelled"})
    unknown = await articles_app.delete("/orders/2")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Order not found"})
