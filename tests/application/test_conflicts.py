"""After a conflict, a command is decided again on the newer state, and never overwrites it."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from orderkeep.application import change_order
from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.change_order import ATTEMPTS, CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.errors import Contention
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, OrderNotFound, StoreUnavailable, VersionMismatch
from orderkeep.domain.lifecycle import CannotCancelOrder
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command, small_order
from orderkeep.testing.stores import read_all
from tests.application.interleaved import InterleavedStore

KEY = "3f1c-the-key"
STRANGER = Actor(ActorKind.CUSTOMER, "user-43")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody between two attempts."""
    monkeypatch.setattr(change_order, "FIRST_PAUSE_SECONDS", 0)


class NeverFirst(InMemoryOrderRepository):
    """Somebody else's change always comes first."""

    attempts = 0

    async def save(self, *orders: Order) -> tuple[OrderSnapshot, ...]:
        self.attempts += 1
        raise ConcurrentUpdate(orders[0].id)


async def test_decides_again_if_the_command_is_still_allowed() -> None:
    store = InterleavedStore(small_order("order-1"))
    store.let_act(lambda: ConfirmOrderUseCase(store).execute("order-1"), "save")
    result = await CancelOrderUseCase(store).execute("order-1")
    assert (result.order.status, result.order.version) == ("cancelled", 3)
    statuses = [change.order.status for change in await store.list_changes("order-1", 0, 10)]
    assert statuses == ["pending", "processing", "cancelled"]


async def test_is_rejected_where_it_is_possible_no_more() -> None:
    store = InterleavedStore(small_order("order-1", status="processing"))
    store.let_act(lambda: ShipOrderUseCase(store).execute("order-1"), "save")
    with pytest.raises(CannotCancelOrder, match="shipped"):
        await CancelOrderUseCase(store).execute("order-1")
    assert [change.version for change in await store.list_changes("order-1", 0, 10)] == [1, 2]


async def test_is_rejected_where_a_version_was_expected() -> None:
    store = InterleavedStore(small_order("order-1"))
    store.let_act(lambda: ConfirmOrderUseCase(store).execute("order-1"), "save")
    with pytest.raises(VersionMismatch, match="is at version 2, not 1"):
        await CancelOrderUseCase(store).execute("order-1", CommandContext(expected_version=1))


@pytest.mark.parametrize("key", [None, KEY])
async def test_gives_up_after_so_many_attempts_with_nothing_written(key: str | None) -> None:
    store = NeverFirst([small_order("order-1")])
    before = await read_all(store)
    with pytest.raises(Contention, match=f"{ATTEMPTS} times in a row"):
        await CancelOrderUseCase(store).execute("order-1", CommandContext(key=key))
    with pytest.raises(Contention):
        await PlaceOrderUseCase(store).execute(place_command(), CommandContext(key=key))
    assert store.attempts == ATTEMPTS + (1 + ATTEMPTS)  # a new order is inserted before it is looked up
    assert await read_all(store) == before


def test_waits_a_moment_and_never_long_before_it_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(random, "uniform", lambda least, most: most - least)
    longest = [change_order._pause(attempt) for attempt in range(1, ATTEMPTS)]
    assert longest == sorted(longest)
    assert 0 < longest[0] < longest[1]
    assert sum(longest) < 2


async def test_does_not_retry_if_the_store_is_unavailable() -> None:
    store = InterleavedStore(small_order("order-1"))
    store.let_act(store.close, "save")
    with pytest.raises(StoreUnavailable):
        await CancelOrderUseCase(store).execute("order-1")
    assert store.calls == [("get_by_id", 1), ("save", 1)]


async def test_takes_the_version_that_was_expected() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    result = await CancelOrderUseCase(repo).execute("order-1", CommandContext(expected_version=1))
    assert result.order.version == 2


@pytest.mark.parametrize("expected", [0, 2, -1, 10**30])
async def test_rejects_any_other_version_than_the_one_expected(expected: int) -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    with pytest.raises(VersionMismatch) as refused:
        await CancelOrderUseCase(repo).execute("order-1", CommandContext(expected_version=expected))
    assert (refused.value.expected, refused.value.actual) == (expected, 1)


@pytest.mark.parametrize(
    "request_",
    [CommandContext(), CommandContext(key=KEY), CommandContext(expected_version=7), CommandContext(dry_run=True)],
    ids=range(4),
)
async def test_another_customer_learns_nothing_from_any_command(request_: CommandContext) -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    commands: list[Callable[[str, CommandContext], Awaitable[CommandResult]]] = [
        use_case(repo, repo).execute
        for use_case in (CancelOrderUseCase, ConfirmOrderUseCase, ShipOrderUseCase, DeliverOrderUseCase)
    ]
    before = await read_all(repo)
    for command in commands:
        for order_id in ("order-1", "order-2"):
            with pytest.raises(OrderNotFound, match=r"^Order not found$"):
                await command(order_id, replace(request_, actor=STRANGER))
    assert await read_all(repo) == before
