"""What each kind of actor may ask for, in every use case: the one rule that all entrypoints share."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, SYSTEM, Actor, ActorKind, Scope, scopes_in
from orderkeep.application.access.api_keys import KeyState
from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import NotAllowed
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.export_to_document import OrderFormat
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError, OrderNotFound
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command, small_order
from tests.receipts import PlainReceipts

LINES = OrderFormat("application/jsonl", b"", lambda json: json)
NO_DOCUMENT = "f" * 64
NO_WEBHOOK = "wh_aaaaaaaaaaaaaaaa"
RECEIVER = "http://127.0.0.1:9/hook"
STRANGER = Actor(ActorKind.CUSTOMER, "somebody-else")


async def _all_of(do: UseCases, who: Actor) -> list[Any]:
    return [order async for order in do.export_orders.execute(actor=who)]


async def _all_about(do: UseCases, who: Actor) -> list[Any]:
    return [order async for order in do.export_person.execute("user-1", who)]


CALLS: dict[str, tuple[Scope, Callable[[UseCases, str, Actor], Awaitable[Any]]]] = {
    "place_order": (Scope.WRITE, lambda do, _, who: do.place_order.execute(place_command(), CommandContext(actor=who))),
    "find_order": (Scope.READ, lambda do, which, who: do.find_order.execute(which, who)),
    "get_order": (Scope.READ, lambda do, which, who: do.get_order.execute(which, who)),
    "get_order_actions": (Scope.READ, lambda do, which, who: do.get_order_actions.execute(which, who)),
    "get_order_at": (Scope.READ, lambda do, which, who: do.get_order_at.execute(which, 1, who)),
    "get_order_history": (Scope.READ, lambda do, which, who: do.get_order_history.execute(which, actor=who)),
    "list_events": (Scope.EVENTS, lambda do, _, who: do.list_events.execute(actor=who)),
    "get_event": (Scope.EVENTS, lambda do, which, who: do.get_event.execute(f"{which}.1.1", actor=who)),
    "follow_events": (Scope.EVENTS, lambda do, _, who: anext(do.follow_events.execute(actor=who))),
    "list_orders": (Scope.READ, lambda do, _, who: do.list_orders.execute(actor=who)),
    "search_orders": (Scope.READ, lambda do, _, who: do.search_orders.execute("web-1", actor=who)),
    "confirm_order": (Scope.WRITE, lambda do, which, who: do.confirm_order.execute(which, CommandContext(actor=who))),
    "ship_order": (
        Scope.SHIP,
        lambda do, which, who: do.ship_order.execute(which, CommandContext(actor=who, dry_run=True)),
    ),
    "deliver_order": (Scope.SHIP, lambda do, which, who: do.deliver_order.execute(which, CommandContext(actor=who))),
    "cancel_order": (Scope.CANCEL, lambda do, which, who: do.cancel_order.execute(which, CommandContext(actor=who))),
    "cancel_lines": (Scope.CANCEL, lambda do, which, who: do.cancel_lines.execute(which, CommandContext(actor=who))),
    "hold_order": (
        Scope.WRITE,
        lambda do, which, who: do.hold_order.execute(which, "fraud", CommandContext(actor=who)),
    ),
    "release_order": (Scope.WRITE, lambda do, which, who: do.release_order.execute(which, CommandContext(actor=who))),
    "add_shipment": (Scope.SHIP, lambda do, which, who: do.add_shipment.execute(which, CommandContext(actor=who))),
    "update_shipment": (
        Scope.SHIP,
        lambda do, which, who: do.update_shipment.execute(which, "s1", {}, CommandContext(actor=who)),
    ),
    "deliver_shipment": (
        Scope.SHIP,
        lambda do, which, who: do.deliver_shipment.execute(which, "s1", CommandContext(actor=who)),
    ),
    "record_payment": (
        Scope.PAY,
        lambda do, which, who: do.record_payment.execute(which, "pay-1", "captured", 7, CommandContext(actor=who)),
    ),
    "add_refund": (
        Scope.REFUND,
        lambda do, which, who: do.add_refund.execute(which, "ref-1", 7, CommandContext(actor=who)),
    ),
    "close_refund": (
        Scope.REFUND,
        lambda do, which, who: do.close_refund.execute(which, "ref-1", "failed", CommandContext(actor=who)),
    ),
    "request_return": (
        Scope.CANCEL,
        lambda do, which, who: do.request_return.execute(which, CommandContext(actor=who)),
    ),
    "receive_return": (
        Scope.REFUND,
        lambda do, which, who: do.receive_return.execute(which, "r1", CommandContext(actor=who)),
    ),
    "close_return": (
        Scope.REFUND,
        lambda do, which, who: do.close_return.execute(which, "r1", "rejected", CommandContext(actor=who)),
    ),
    "edit_order": (
        Scope.WRITE,
        lambda do, which, who: do.edit_order.execute(which, {"tags": ("a",)}, CommandContext(actor=who)),
    ),
    "add_note": (Scope.WRITE, lambda do, which, who: do.add_note.execute(which, "Called.", CommandContext(actor=who))),
    "edit_note": (
        Scope.WRITE,
        lambda do, which, who: do.edit_note.execute(which, "n1", "Called.", CommandContext(actor=who)),
    ),
    "erase_personal_data": (
        Scope.ERASE,
        lambda do, which, who: do.erase_personal_data.execute([which], CommandContext(actor=who)),
    ),
    "export_person": (Scope.READ, lambda do, _, who: _all_about(do, who)),
    "issue_receipt": (Scope.READ, lambda do, which, who: do.issue_receipt.execute(which, CommandContext(actor=who))),
    "list_documents": (Scope.READ, lambda do, which, who: do.list_documents.execute(which, who)),
    "get_document": (Scope.READ, lambda do, which, who: do.get_document.execute(which, NO_DOCUMENT, who)),
    "expire_orders": (Scope.ADMIN, lambda do, _, who: do.expire_orders.execute(1, actor=who)),
    "import_orders": (Scope.ADMIN, lambda do, _, who: do.import_orders.execute([], actor=who)),
    "export_orders": (Scope.READ, lambda do, _, who: _all_of(do, who)),
    "export_to_document": (Scope.READ, lambda do, _, who: do.export_to_document.execute(LINES, actor=who)),
    "get_statistics": (Scope.STATISTICS, lambda do, _, who: do.get_statistics.execute(actor=who)),
    "count_orders": (Scope.STATISTICS, lambda do, _, who: do.count_orders.execute(who)),
    "update_statistics": (Scope.ADMIN, lambda do, _, who: do.update_statistics.execute(who)),
    "diagnose_store": (Scope.ADMIN, lambda do, _, who: do.diagnose_store.execute(actor=who)),
    "verify_orders": (Scope.ADMIN, lambda do, _, who: do.verify_orders.execute(actor=who)),
    "create_checkpoint": (Scope.ADMIN, lambda do, _, who: do.create_checkpoint.execute(actor=who)),
    "create_api_key": (Scope.ADMIN, lambda do, _, who: do.create_api_key.execute("app", user_id="anna", actor=who)),
    "list_api_keys": (Scope.ADMIN, lambda do, _, who: do.list_api_keys.execute(actor=who)),
    "revoke_api_key": (Scope.ADMIN, lambda do, _, who: do.revoke_api_key.execute("Key0000001", who)),
    "create_webhook": (
        Scope.WEBHOOKS,
        lambda do, _, who: do.create_webhook.execute("http://127.0.0.1:9/hook", actor=who),
    ),
    "list_webhooks": (Scope.WEBHOOKS, lambda do, _, who: do.list_webhooks.execute(who)),
    "get_webhook": (Scope.WEBHOOKS, lambda do, _, who: do.get_webhook.execute(NO_WEBHOOK, who)),
    "update_webhook": (Scope.WEBHOOKS, lambda do, _, who: do.update_webhook.execute(NO_WEBHOOK, {}, actor=who)),
    "delete_webhook": (Scope.WEBHOOKS, lambda do, _, who: do.delete_webhook.execute(NO_WEBHOOK, actor=who)),
    "pause_webhook": (Scope.WEBHOOKS, lambda do, _, who: do.pause_webhook.execute(NO_WEBHOOK, who)),
    "resume_webhook": (Scope.WEBHOOKS, lambda do, _, who: do.resume_webhook.execute(NO_WEBHOOK, who)),
    "send_webhook_test": (Scope.WEBHOOKS, lambda do, _, who: do.send_webhook_test.execute(NO_WEBHOOK, who)),
    "rotate_webhook_secret": (Scope.WEBHOOKS, lambda do, _, who: do.rotate_webhook_secret.execute(NO_WEBHOOK, who)),
    "replay_webhook": (Scope.WEBHOOKS, lambda do, _, who: do.replay_webhook.execute(NO_WEBHOOK, 1, 2, who)),
    "list_webhook_deliveries": (
        Scope.WEBHOOKS,
        lambda do, _, who: do.list_webhook_deliveries.execute(NO_WEBHOOK, actor=who),
    ),
    "deliver_webhooks": (Scope.WEBHOOKS, lambda do, _, who: do.deliver_webhooks.execute(who)),
    "publish_events": (Scope.ADMIN, lambda do, _, who: do.publish_events.execute(who)),
}
SESSIONS = {"start_session", "start_openid_session", "resume_session", "end_session"}
NO_USE_CASES = {"authenticate", "check_store", "get_schema", "stop_waiting", "close", *SESSIONS}
NOT_OF_ONE_ORDER = (
    "place_order", "find_order", "list_orders", "search_orders", "expire_orders", "import_orders",
    "export_orders", "export_to_document", "verify_orders", "create_checkpoint", "erase_personal_data", "export_person",
    "create_api_key", "list_api_keys", "revoke_api_key", "list_events", "get_event", "follow_events",
    *[name for name in CALLS if "webhook" in name], "publish_events",
    "create_api_key", "list_api_keys", "revoke_api_key", "get_statistics", "count_orders", "update_statistics",
    "diagnose_store",
)  # fmt: skip
OF_ONE_ORDER = [name for name in CALLS if name not in NOT_OF_ONE_ORDER]
FOR_CUSTOMERS = [name for name, (scope, _) in CALLS.items() if scope in (Scope.READ, Scope.CANCEL)]


@pytest.fixture
def store() -> InMemoryOrderRepository:
    return InMemoryOrderRepository([small_order("order-1")])


@pytest.fixture
def do(store: InMemoryOrderRepository) -> UseCases:
    return build_use_cases(store, InMemoryDocumentStore(), {"html": PlainReceipts()})


async def allowed(name: str, do: UseCases, who: Actor, order_id: str = "order-1") -> bool:
    """Tell whether the actor may ask; what comes of it is no matter."""
    refused = None
    try:
        await CALLS[name][1](do, order_id, who)
    except OrderkeepError as error:
        refused = error
    if isinstance(refused, NotAllowed):
        expected = f"this operation requires the scope {CALLS[name][0]}"
        if who.kind is ActorKind.CUSTOMER:  # who cannot have it
            expected = (
                "only staff can do this: customers can read and cancel their own orders, request returns and issue "
                "receipts"
            )
        assert (refused.scope, str(refused)) == (CALLS[name][0], expected)
    return not isinstance(refused, NotAllowed)


def test_every_use_case_has_its_scope() -> None:
    assert CALLS.keys() == {field.name for field in dataclasses.fields(UseCases)} - NO_USE_CASES


@pytest.mark.parametrize("name", CALLS)
async def test_staff_need_the_scope_and_no_other(name: str, do: UseCases, store: InMemoryOrderRepository) -> None:
    needed = CALLS[name][0]
    assert not await allowed(name, do, Actor(ActorKind.STAFF, "anna"))
    assert not await allowed(name, do, Actor(ActorKind.STAFF, "anna", EVERY_SCOPE - {needed, Scope.ADMIN}))
    assert [change.version for change in (await store.read_changes(0, 9)).changes] == [1]
    assert await allowed(name, do, Actor(ActorKind.STAFF, "anna", frozenset({needed})))


@pytest.mark.parametrize("name", CALLS)
async def test_admin_has_all_scopes_and_the_system_needs_none(name: str, do: UseCases) -> None:
    assert await allowed(name, do, Actor(ActorKind.STAFF, "anna", frozenset({Scope.ADMIN})))
    assert await allowed(name, do, Actor(ActorKind.SYSTEM, "relay"))


@pytest.mark.parametrize("name", CALLS)
async def test_customers_look_and_cancel(name: str, do: UseCases) -> None:
    owner = Actor(ActorKind.CUSTOMER, small_order("order-1").user_id)
    assert await allowed(name, do, owner) == (name in FOR_CUSTOMERS)
    assert await allowed(name, do, dataclasses.replace(owner, scopes=EVERY_SCOPE)) == (name in FOR_CUSTOMERS)


@pytest.mark.parametrize("name", OF_ONE_ORDER)
@pytest.mark.parametrize("order_id", ["order-1", "no-such-order"])
async def test_a_foreign_order_is_as_one_that_is_not_there(name: str, order_id: str, do: UseCases) -> None:
    with pytest.raises(OrderNotFound, match=r"^Order not found$"):
        await CALLS[name][1](do, order_id, STRANGER)


class PlainRepository:
    """The article's repository: two methods, and no port of ours."""

    def __init__(self, order: Order) -> None:
        self.order = order

    async def get_by_id(self, order_id: str) -> Order | None:
        return self.order if order_id == self.order.id else None

    async def save(self, *orders: Order) -> None:
        pass


async def test_customers_need_a_repository_of_two_methods_only() -> None:
    cancel: Any = CancelOrderUseCase(PlainRepository(small_order("order-1")))  # type: ignore[arg-type]
    owner = Actor(ActorKind.CUSTOMER, small_order("order-1").user_id)
    for actor, order_id in ((STRANGER, "order-1"), (owner, "order-2")):
        with pytest.raises(OrderNotFound):
            await cancel.execute(order_id, CommandContext(actor=actor))
    result = await cancel.execute("order-1", CommandContext(actor=owner))
    assert (result.order.status, result.json) == ("cancelled", None)


async def test_lists_of_strangers_are_empty(do: UseCases) -> None:
    assert (await do.list_orders.execute(actor=STRANGER)).orders == ()


@pytest.mark.parametrize("order_id", ["order-1", "no-such-order"])
async def test_staff_without_the_scope_learn_nothing_of_any_order(order_id: str, do: UseCases) -> None:
    for name in OF_ONE_ORDER:
        assert not await allowed(name, do, Actor(ActorKind.STAFF, "anna"), order_id)


def test_scopes_are_named_by_words() -> None:
    assert scopes_in("orders:read, orders:ship orders:read") == {Scope.READ, Scope.SHIP}
    assert scopes_in("") == frozenset()
    with pytest.raises(ValueError, match=r"must be some of orders:read, .*: there is no scope Orders:Read$"):
        scopes_in("orders:ship Orders:Read")


def test_scopes_kinds_and_states_have_the_names_that_clients_and_stores_know() -> None:
    of_orders = "orders:read orders:write orders:cancel orders:ship orders:pay orders:refund orders:erase"
    assert " ".join(Scope) == f"{of_orders} events:read webhooks:admin stats:read admin"
    assert " ".join(ActorKind) == "customer staff system"
    assert " ".join(KeyState) == "active expired revoked"
    assert str(SYSTEM) == "system:orderkeep"
