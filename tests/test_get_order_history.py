"""The history of an order: actors, times, and the resulting orders."""

from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import InvalidCursor, InvalidQuery
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.get_order_history import GetOrderHistoryUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.infrastructure.memory_repo import InMemoryApiKeys, InMemoryOrderRepository
from orderkeep.testing.api_keys import api_key
from orderkeep.testing.orders import SINCE, large_order, small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def an_order_with_a_past() -> GetOrderHistoryUseCase:
    repo = InMemoryOrderRepository([small_order("order-1"), small_order("order-2")])
    await ConfirmOrderUseCase(repo, clock=lambda: NOON).execute(
        "order-1", CommandContext(actor=Actor(ActorKind.STAFF, "anna", EVERY_SCOPE))
    )
    by_customer = CommandContext(actor=Actor(ActorKind.CUSTOMER, "user-42"), request_id="call-7")
    await CancelOrderUseCase(repo, clock=lambda: NOON + timedelta(hours=1)).execute(
        "order-1", by_customer, reason="late"
    )
    return GetOrderHistoryUseCase(repo, repo)


async def test_returns_actor_event_and_time_of_each_change() -> None:
    changes = (await (await an_order_with_a_past()).execute("order-1")).changes
    assert [
        (change.version, change.events[0].type, change.actor, change.request_id, change.at) for change in changes
    ] == [
        (1, "OrderImported", "system", None, SINCE),
        (2, "OrderConfirmed", "staff:anna", None, NOON),
        (3, "OrderCancelled", "customer:user-42", "call-7", NOON + timedelta(hours=1)),
    ]


async def test_returns_the_resulting_order_of_each_change() -> None:
    changes = (await (await an_order_with_a_past()).execute("order-1")).changes
    assert [change.order.status for change in changes] == ["pending", "processing", "cancelled"]
    assert [change.order.version for change in changes] == [1, 2, 3]


async def test_pages_through_the_changes() -> None:
    history = await an_order_with_a_past()
    first = await history.execute("order-1", limit=2)
    assert [change.version for change in first.changes] == [1, 2]
    second = await history.execute("order-1", limit=2, cursor=first.next_cursor)
    assert [change.version for change in second.changes] == [3]
    assert second.next_cursor is None


async def test_rejects_a_cursor_of_another_order() -> None:
    history = await an_order_with_a_past()
    first = await history.execute("order-1", limit=1)
    with pytest.raises(InvalidCursor):
        await history.execute("order-2", limit=1, cursor=first.next_cursor)


async def test_rejects_a_page_that_is_too_large() -> None:
    with pytest.raises(InvalidQuery, match="must be from 1 to 200"):
        await (await an_order_with_a_past()).execute("order-1", limit=201)


async def test_shows_a_customer_the_history_of_their_own_orders_only() -> None:
    history = await an_order_with_a_past()
    assert (await history.execute("order-1", actor=Actor(ActorKind.CUSTOMER, "user-42"))).changes
    for order_id, user in (("order-1", "user-43"), ("order-3", "user-42")):
        with pytest.raises(OrderNotFound, match=r"^Order not found$"):
            await history.execute(order_id, actor=Actor(ActorKind.CUSTOMER, user))


async def test_names_of_api_keys_are_returned_to_staff_only() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    keys = InMemoryApiKeys(repo)
    used, not_stored = (api_key(number, scopes=EVERY_SCOPE) for number in (1, 2))
    for key in (used, api_key(3)):
        await keys.add(key)
    for command, actor in (
        (ConfirmOrderUseCase(repo), used.actor),
        (ShipOrderUseCase(repo), not_stored.actor),
        (DeliverOrderUseCase(repo), Actor(ActorKind.STAFF, "anna", EVERY_SCOPE)),
    ):
        await command.execute("order-1", CommandContext(actor=actor))

    history = GetOrderHistoryUseCase(repo, repo, lambda: keys)
    page = await history.execute("order-1")
    assert len(page.changes) == 4
    assert page.key_names == {f"staff:key:{used.id}": "till 1"}
    assert (await history.execute("order-1", limit=1)).key_names == {}
    assert (await history.execute("order-1", actor=Actor(ActorKind.CUSTOMER, "user-42"))).key_names == {}
    assert (await GetOrderHistoryUseCase(repo, repo).execute("order-1")).key_names == {}


async def test_history_of_a_large_order_is_read_in_pages_of_fewer_changes() -> None:
    repo, order = InMemoryOrderRepository(), large_order("order-1")
    for _ in range(7):
        await repo.save(order)
    history, cursor, versions = GetOrderHistoryUseCase(repo, repo), None, list[list[int]]()
    while cursor is not None or not versions:
        page = await history.execute("order-1", limit=200, cursor=cursor)
        versions.append([change.version for change in page.changes])
        cursor = page.next_cursor
    assert versions == [[1, 2, 3, 4], [5, 6, 7]]
