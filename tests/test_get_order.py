"""Looking up an order as it is now."""

import json

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.get_order import GetOrderUseCase
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order

OWNER = Actor(ActorKind.CUSTOMER, "user-42")
STRANGER = Actor(ActorKind.CUSTOMER, "user-43")
STAFF = Actor(ActorKind.STAFF, "anna", EVERY_SCOPE)


async def test_returns_the_order_as_json() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    snapshot = await GetOrderUseCase(repo).execute("order-1")
    order = json.loads(snapshot.json)
    assert (order["id"], order["total"], order["currency"], order["status"]) == ("order-1", 9_900, "EUR", "pending")
    assert order["created_at"] == "2026-02-03T04:05:06.789012Z"
    assert snapshot.version == order["version"] == 1


async def test_gives_the_order_as_the_last_change_left_it() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    await ConfirmOrderUseCase(repo).execute("order-1")
    snapshot = await GetOrderUseCase(repo).execute("order-1")
    assert snapshot.version == 2
    assert json.loads(snapshot.json)["status"] == "processing"


@pytest.mark.parametrize("actor", [OWNER, STAFF], ids=str)
async def test_shows_an_order_to_its_customer_and_to_staff(actor: Actor) -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    assert (await GetOrderUseCase(repo).execute("order-1", actor)).id == "order-1"


async def test_order_of_another_customer_is_not_found() -> None:
    get = GetOrderUseCase(InMemoryOrderRepository([small_order("order-1")]))
    for order_id in ("order-1", "order-2"):
        with pytest.raises(OrderNotFound, match=r"^Order not found$") as refused:
            await get.execute(order_id, STRANGER)
        assert refused.value.order_id == order_id
