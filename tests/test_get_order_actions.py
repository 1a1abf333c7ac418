"""The actions on an order: one is reported as allowed exactly if the command succeeds on that version."""

import asyncio
import copy
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderkeep.application.access.actor import EVERY_SCOPE, SYSTEM, Actor, ActorKind, Scope
from orderkeep.application.change_order import CommandContext, OrderCommand
from orderkeep.application.dtos import LineDTO, PlaceOrder
from orderkeep.application.errors import NotAllowed
from orderkeep.application.use_cases.get_order_actions import OrderAction
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain import limits
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderkeepError, OrderNotFound
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import Payment
from orderkeep.domain.policies import NO_POLICIES, Policies
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order, small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWNER = Actor(ActorKind.CUSTOMER, pending_order().user_id)

Command = tuple[str, tuple[Any, ...], dict[str, Any]]
"""The field of a use case and its values."""


def _candidates(order: Order) -> dict[str, list[Command]]:
    """Return, for each action, the command with all values that could matter."""
    units: list[list[LineQuantity]] = [[]]
    units += [[LineQuantity(line.id, n)] for line in order.lines for n in range(1, line.quantity + 1)]
    shipments, returns = [f"s{n}" for n in range(1, 5)], [f"r{n}" for n in range(1, 5)]
    refunds = ["never-used", *(refund.reference for refund in order.refunds)]
    return {
        "confirm": [("confirm_order", (), {})],
        "ship": [("ship_order", (), {})],
        "deliver": [("deliver_order", (), {})],
        "cancel": [("cancel_order", (), {})],
        "cancel_lines": [("cancel_lines", (), {"lines": lines}) for lines in units],
        "hold": [("hold_order", ("fraud",), {})],
        "release": [("release_order", (), {})],
        "add_shipment": [("add_shipment", (), {"lines": lines}) for lines in units],
        "update_shipment": [
            ("update_shipment", (each, {"carrier": carrier}), {}) for each in shipments for carrier in ("DHL", "UPS")
        ],
        "deliver_shipment": [("deliver_shipment", (each,), {}) for each in shipments],
        "record_payment": [
            ("record_payment", (f"pay-{len(order.payments)}", kind, 5), {})
            for kind in ("captured", "failed", "voided", "authorized")
        ],
        "add_refund": [("add_refund", (f"ref-{len(order.refunds)}", amount), {}) for amount in (1, 2, 5)],
        "close_refund": [
            ("close_refund", (each, outcome), {}) for each in refunds for outcome in ("succeeded", "failed")
        ],
        "request_return": [("request_return", (), {"lines": lines}) for lines in units],
        "receive_return": [("receive_return", (each,), {}) for each in returns],
        "reject_return": [("close_return", (each, "rejected"), {}) for each in returns],
        "cancel_return": [("close_return", (each, "cancelled"), {}) for each in returns],
        "edit": [("edit_order", ({"metadata": {"a": value}},), {}) for value in ("b", None)],
        "add_note": [("add_note", ("Called.",), {})],
        "edit_note": [
            ("edit_note", (each, text), {}) for each in ("n1", "n2") for text in ("Called again.", "Called.")
        ],
    }


UNCHANGED = "unchanged"


async def _ends(use_cases: UseCases, commands: Iterable[Command], actor: Actor) -> list[str | None]:
    """Return the code that each command is rejected with; `UNCHANGED` if it succeeds without a change, or else None."""
    codes: list[str | None] = []
    for name, values, options in commands:
        context = CommandContext(actor=actor, dry_run=True)
        try:
            result = await getattr(use_cases, name).execute("order-1", *values, context, **options)
            codes.append(UNCHANGED if result.unchanged else None)
        except OrderkeepError as error:
            codes.append(error.code)
    return codes


QUANTITIES = st.lists(st.integers(1, 3), max_size=2)
DELIVERED = ("record_payment", "confirm", "ship", "deliver")
STARTS = st.sampled_from([(), ("confirm",), ("record_payment", "confirm", "add_shipment"), DELIVERED])
NAMES = st.sampled_from([*_candidates(pending_order())])
MONEY = st.sampled_from(["add_refund", "close_refund", "record_payment"])
RETURNS = st.sampled_from(["request_return", "request_return", "receive_return", "reject_return", "cancel_return"])
STEPS = st.one_of([st.lists(st.tuples(names, st.integers(0, 20)), max_size=9) for names in (NAMES, MONEY, RETURNS)])
ACTORS = st.sampled_from([SYSTEM, OWNER, Actor(ActorKind.STAFF, "anna", frozenset({Scope.READ, Scope.SHIP}))])


PAID, PAID_TO_SHIP = Policies("paid", "paid", auto_confirm=True), Policies("authorized", "paid")
POLICIES = st.sampled_from([NO_POLICIES, PAID, PAID_TO_SHIP])


@given(QUANTITIES, STARTS, STEPS, ACTORS, POLICIES)
@example([2], (), [("record_payment", 3)], SYSTEM, PAID)
@example([2], (), [("record_payment", 3), ("confirm", 0)], SYSTEM, PAID_TO_SHIP)
@example([3], DELIVERED, [("request_return", 1), ("receive_return", 0), ("request_return", 1)], SYSTEM, NO_POLICIES)
@example([3], DELIVERED, [("request_return", 1), ("request_return", 1), ("reject_return", 1)], SYSTEM, NO_POLICIES)
@example([3], DELIVERED, [("add_refund", 0), ("close_refund", 3)], SYSTEM, NO_POLICIES)
@example([3], ("confirm",), [("add_shipment", 1), ("deliver_shipment", 0), ("add_shipment", 1)], SYSTEM, NO_POLICIES)
@example([3], DELIVERED, [("add_refund", 0), ("add_refund", 0), ("close_refund", 5)], SYSTEM, NO_POLICIES)
@example(
    [3],
    DELIVERED,
    [("add_refund", 0), ("close_refund", 3), ("add_refund", 0), ("close_refund", 4)],
    SYSTEM,
    NO_POLICIES,
)
@example([3], DELIVERED, [("add_refund", 2)], SYSTEM, NO_POLICIES)
def test_an_action_is_allowed_exactly_if_the_command_succeeds_with_a_reason_if_nothing_changes(
    quantities: list[int], start: tuple[str, ...], steps: list[tuple[str, int]], actor: Actor, policies: Policies
) -> None:
    asyncio.run(_compare(quantities, [*((name, 0) for name in start), *steps], actor, policies))


def test_every_command_on_an_order_is_one_of_the_actions() -> None:
    use_cases = build_use_cases(InMemoryOrderRepository())
    commands = {each.name for each in fields(UseCases) if isinstance(getattr(use_cases, each.name), OrderCommand)}
    tried = {name for candidates in _candidates(pending_order()).values() for name, *_ in candidates}
    of_one_order = commands - {"place_order", "expire_orders"}
    assert tried == of_one_order, "a new command needs actions, and a row in _candidates"


async def _compare(quantities: list[int], steps: list[tuple[str, int]], actor: Actor, policies: Policies) -> None:
    lines = tuple([LineDTO(f"A{n}", "Lamp", quantity, 2) for n, quantity in enumerate(quantities)])
    total = sum(2 * quantity for quantity in quantities) if lines else 7
    command = PlaceOrder(user_id=OWNER.id, total=total, currency="EUR", lines=lines)
    repo = InMemoryOrderRepository([command.to_order("order-1", NOON - timedelta(days=1))])
    use_cases = build_use_cases(repo, policies=policies)
    for name, number in steps:  # some of them are rejected
        candidates = _candidates(await _stored(repo))[name]
        field, values, options = candidates[number % len(candidates)]
        with suppress(OrderkeepError):
            await getattr(use_cases, field).execute("order-1", *values, **options)
    found = await use_cases.get_order_actions.execute("order-1", actor)
    all_candidates = _candidates(await _stored(repo))
    assert [action.name for action in found.actions] == list(all_candidates)
    for action in found.actions:
        codes = await _ends(use_cases, all_candidates[action.name], actor)
        assert action.allowed == bool({None, UNCHANGED}.intersection(codes)), (action, codes)
        assert (action.reason is None) == (None in codes), (action, codes)
        assert action.allowed or action.code in codes, (action, codes)


async def _stored(repo: InMemoryOrderRepository) -> Order:
    order = await repo.get_by_id("order-1")
    assert order is not None
    return order


def _full(fill: Callable[[Order, int], None], count: int) -> Order:
    order = pending_order()
    order.confirm(at=NOON)
    for number in range(count):
        fill(order, number)
    return order


ACTIONS = build_use_cases(InMemoryOrderRepository()).get_order_actions
FULL: dict[str, Order] = {
    "record_payment": _full(
        lambda order, n: order.record_payment(Payment(f"new-{n}", "failed", 1, None, NOON), at=NOON),
        limits.MAX_PAYMENTS,
    ),
    "add_note": _full(lambda order, n: order.add_note(f"{n}", "internal", at=NOON), limits.MAX_NOTES),
}


@pytest.mark.parametrize("name", FULL)
def test_an_order_with_the_maximum_of_records_takes_no_more(name: str) -> None:
    [action] = [each for each in ACTIONS.actions_on(FULL[name], SYSTEM) if each.name == name]
    assert (action.allowed, action.code) == (False, "too_many_records")


def test_the_order_is_not_changed() -> None:
    order = FULL["add_note"]
    before = copy.deepcopy(vars(order))
    ACTIONS.actions_on(order, SYSTEM)
    assert vars(order) == before


async def test_a_rejected_command_has_the_code_and_the_message_of_its_error() -> None:
    found = await build_use_cases(InMemoryOrderRepository([pending_order()])).get_order_actions.execute("order-1")
    assert found.version == 1
    assert found.actions[:2] == (
        OrderAction("confirm", allowed=True),
        OrderAction("ship", allowed=False, code="cannot_ship_order", reason="Order cannot be shipped: it is pending"),
    )


async def test_a_command_that_the_actor_may_not_run_is_not_allowed() -> None:
    found = await build_use_cases(InMemoryOrderRepository([pending_order()])).get_order_actions.execute(
        "order-1", OWNER
    )
    blocked = {action.name: action.reason for action in found.actions if action.code == NotAllowed.code}
    assert (blocked["confirm"] or "").startswith("only staff can do this: customers can ")
    assert {action.name for action in found.actions} - blocked.keys() == {"cancel", "cancel_lines", "request_return"}


async def test_unknown_id_is_not_found() -> None:
    use_cases = build_use_cases(InMemoryOrderRepository([small_order("order-1")]))
    for order_id, actor in (
        ("order-2", SYSTEM),
        ("order-1", OWNER),
        ("order-2", Actor(ActorKind.STAFF, "a", EVERY_SCOPE)),
    ):
        with pytest.raises(OrderNotFound):
            await use_cases.get_order_actions.execute(order_id, actor)
