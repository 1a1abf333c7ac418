"""To a customer somebody else's order is not there: it is not even read, so that time tells no more than the answer."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import OrderSnapshot
from orderkeep.application.use_cases import CancelOrderUseCase
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import small_order
from orderkeep.testing.watching import WatchedStore

OWNER, STRANGER = Actor(ActorKind.CUSTOMER, "user-42"), Actor(ActorKind.CUSTOMER, "user-7")

Ask = Callable[[UseCases, Actor], Awaitable[Any]]
ASKED: dict[str, Ask] = {
    "get_order": lambda do, actor: do.get_order.execute("order-1", actor),
    "get_order_at": lambda do, actor: do.get_order_at.execute("order-1", 1, actor),
    "get_order_history": lambda do, actor: do.get_order_history.execute("order-1", actor=actor),
    "list_documents": lambda do, actor: do.list_documents.execute("order-1", actor),
    "issue_receipt": lambda do, actor: do.issue_receipt.execute("order-1", CommandContext(actor=actor)),
    "cancel_order": lambda do, actor: do.cancel_order.execute("order-1", CommandContext(actor=actor, key="a key")),
}


class ReadsNothing(InMemoryOrderRepository):
    """Knows whose an order is, and cannot read it."""

    async def get_by_id(self, order_id: str) -> Order | None:
        raise AssertionError("the order was loaded")

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        raise AssertionError("the order was read")

    async def list_changes(self, order_id: str, after_version: int, limit: int) -> list[ChangeDTO]:
        raise AssertionError("the history was read")


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
async def test_a_foreign_order_is_not_read(ask: Ask) -> None:
    use_cases = build_use_cases(ReadsNothing([small_order("order-1")]))
    with pytest.raises(OrderNotFound):
        await ask(use_cases, STRANGER)
    with pytest.raises(AssertionError, match="was"):
        await ask(use_cases, OWNER)


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
async def test_a_store_that_reads_orders_to_see_whose_they_are_tells_no_more(ask: Ask) -> None:
    use_cases = build_use_cases(WatchedStore(InMemoryOrderRepository([small_order("order-1")])))
    with pytest.raises(OrderNotFound):
        await ask(use_cases, STRANGER)
    await ask(use_cases, OWNER)


async def test_such_a_store_gives_an_order_to_its_user_alone() -> None:
    store = WatchedStore(InMemoryOrderRepository([small_order("order-1")]))
    for user_id, order_id, is_there in (
        ("user-42", "order-1", True),
        ("user-7", "order-1", False),
        ("user-42", "x", False),
    ):
        found = (await store.get_own(order_id, user_id), await store.get_own_snapshot(order_id, user_id))
        assert [each is not None for each in found] == [is_there] * 2


class Plain:
    """The article's repository: two methods, and no port of ours."""

    def __init__(self, order: Order) -> None:
        self.order = order

    async def get_by_id(self, order_id: str) -> Order | None:
        return self.order if order_id == self.order.id else None

    async def save(self, *orders: Order) -> None:
        pass


async def test_a_repository_of_two_methods_is_enough_for_customers_too() -> None:
    cancel: Any = CancelOrderUseCase(Plain(small_order("order-1")))  # type: ignore[arg-type]
    for actor, order_id in ((STRANGER, "order-1"), (OWNER, "order-2")):
        with pytest.raises(OrderNotFound):
            await cancel.execute(order_id, CommandContext(actor=actor))
    assert (await cancel.execute("order-1", CommandContext(actor=OWNER))).order.status == "cancelled"
