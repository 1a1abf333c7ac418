"""Looking up an order as it was at a version or at an instant."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.get_order_at import GetOrderAtUseCase
from orderkeep.domain.exceptions import OrderNotFound, VersionNotFound
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import SINCE, small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


async def an_order_confirmed_at_noon() -> GetOrderAtUseCase:
    repo = InMemoryOrderRepository([small_order("order-1")])
    await ConfirmOrderUseCase(repo, clock=lambda: NOON).execute("order-1")
    return GetOrderAtUseCase(repo, repo)


@pytest.mark.parametrize("version, status", [(1, "pending"), (2, "processing")])
async def test_gives_the_order_at_a_version(version: int, status: str) -> None:
    order = await (await an_order_confirmed_at_noon()).execute("order-1", version)
    assert (order.version, order.status) == (version, status)


@pytest.mark.parametrize(
    "instant, status",
    [
        (SINCE, "pending"),
        (NOON - TICK, "pending"),
        (NOON, "processing"),
        (NOON.replace(tzinfo=None), "processing"),
        (datetime.max.replace(tzinfo=UTC), "processing"),
    ],
    ids=["placed", "just-before", "at", "naive", "end-of-time"],
)
async def test_gives_the_order_at_an_instant(instant: datetime, status: str) -> None:
    assert (await (await an_order_confirmed_at_noon()).execute("order-1", instant)).status == status


@pytest.mark.parametrize("version", [0, -1, 3, 2**63, 10**30])
async def test_knows_no_other_version(version: int) -> None:
    with pytest.raises(VersionNotFound, match=f"^the order has no version {version}$"):
        await (await an_order_confirmed_at_noon()).execute("order-1", version)


async def test_knows_no_order_before_it_was_placed() -> None:
    with pytest.raises(VersionNotFound, match="did not exist at this time"):
        await (await an_order_confirmed_at_noon()).execute("order-1", SINCE - TICK)


async def test_order_of_another_customer_is_not_found() -> None:
    stranger = Actor(ActorKind.CUSTOMER, "user-43")
    with pytest.raises(OrderNotFound, match=r"^Order not found$") as refused:
        await (await an_order_confirmed_at_noon()).execute("order-1", 1, stranger)
    assert type(refused.value) is OrderNotFound
