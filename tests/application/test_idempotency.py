"""The same request with the same idempotency key has one effect and one response, however often it is sent."""

import ast
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from orderkeep.application import use_cases
from orderkeep.application.access.actor import EVERY_SCOPE, SYSTEM, Actor, ActorKind
from orderkeep.application.change_order import CommandContext, fingerprint_of
from orderkeep.application.dtos import LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.issue_receipt import IssueReceiptUseCase
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.domain.lifecycle import CannotCancelOrder, CannotShipOrder
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import cancelled_order, place_command, small_order
from tests.receipts import PlainReceipts

ANNA, BEN = Actor(ActorKind.STAFF, "anna", EVERY_SCOPE), Actor(ActorKind.STAFF, "ben", EVERY_SCOPE)
KEY = "3f1c-the-key"


def kept(status: str = "pending") -> InMemoryOrderRepository:
    return InMemoryOrderRepository([small_order("order-1", status=status), small_order("order-2", status=status)])


async def versions(repo: InMemoryOrderRepository, order_id: str = "order-1") -> list[int]:
    return [change.version for change in await repo.list_changes(order_id, 0, 10)]


async def test_repeated_command_returns_the_original_result_after_later_changes() -> None:
    repo = kept()
    confirm = ConfirmOrderUseCase(repo, repo)
    first = await confirm.execute("order-1", CommandContext(key=KEY))
    await ShipOrderUseCase(repo).execute("order-1")
    again = await confirm.execute("order-1", CommandContext(key=KEY))
    assert (again.order, again.events, again.replayed) == (first.order, first.events, True)
    assert (again.order.status, again.order.version) == ("processing", 2)
    assert await versions(repo) == [1, 2, 3]


async def test_repeated_command_returns_the_current_order_without_a_history() -> None:
    repo = kept()
    confirm = ConfirmOrderUseCase(repo)
    await confirm.execute("order-1", CommandContext(key=KEY))
    await ShipOrderUseCase(repo).execute("order-1")
    again = await confirm.execute("order-1", CommandContext(key=KEY))
    assert (again.order.status, again.order.version, again.events, again.replayed) == ("shipped", 3, (), True)


@pytest.mark.parametrize(
    "reason, note", [("late", "other note"), ("other reason", "note"), ("note", "late"), (None, "note"), ("late", None)]
)
async def test_rejects_a_key_that_was_used_with_other_values(reason: str | None, note: str | None) -> None:
    repo = kept()
    cancel = CancelOrderUseCase(repo, repo)
    await cancel.execute("order-1", CommandContext(key=KEY), reason="late", note="note")
    with pytest.raises(IdempotencyKeyReused, match="look up what that request did, then use a new key"):
        await cancel.execute("order-1", CommandContext(key=KEY), reason=reason, note=note)
    assert await versions(repo) == [1, 2]


async def test_rejects_a_key_that_was_used_for_another_command() -> None:
    repo = kept()
    await ConfirmOrderUseCase(repo, repo).execute("order-1", CommandContext(key=KEY))
    with pytest.raises(IdempotencyKeyReused):
        await ShipOrderUseCase(repo, repo).execute("order-1", CommandContext(key=KEY))
    assert await versions(repo) == [1, 2]


async def test_remembers_keys_by_order() -> None:
    repo = kept()
    confirm = ConfirmOrderUseCase(repo, repo)
    for order_id in ("order-1", "order-2"):
        assert not (await confirm.execute(order_id, CommandContext(key=KEY))).replayed


async def test_keys_belong_to_an_actor() -> None:
    repo = kept()
    cancel = CancelOrderUseCase(repo, repo)
    await cancel.execute("order-1", CommandContext(actor=ANNA, key=KEY))
    with pytest.raises(CannotCancelOrder):
        await cancel.execute("order-1", CommandContext(actor=BEN, key=KEY))
    assert (await cancel.execute("order-1", CommandContext(actor=ANNA, key=KEY))).replayed


async def test_places_an_order_of_its_own_for_everyone_who_uses_a_key() -> None:
    repo = InMemoryOrderRepository()
    place = PlaceOrderUseCase(repo, repo)
    ids = {
        (await place.execute(place_command(), CommandContext(actor=who, key=KEY))).order.id
        for who in (ANNA, BEN, SYSTEM)
    }
    assert len(ids) == 3


async def test_remembers_nothing_of_what_was_rejected() -> None:
    repo = kept()
    ship = ShipOrderUseCase(repo, repo)
    with pytest.raises(CannotShipOrder):
        await ship.execute("order-1", CommandContext(key=KEY))
    await ConfirmOrderUseCase(repo).execute("order-1")
    assert not (await ship.execute("order-1", CommandContext(key=KEY))).replayed


async def test_finds_the_key_before_it_looks_at_the_expected_version() -> None:
    repo = kept()
    confirm = ConfirmOrderUseCase(repo, repo)
    request = CommandContext(key=KEY, expected_version=1)
    await confirm.execute("order-1", request)
    assert (await confirm.execute("order-1", request)).replayed


async def test_keeps_no_key_as_it_was_given() -> None:
    repo = kept()
    await ConfirmOrderUseCase(repo).execute("order-1", CommandContext(key=KEY))
    order = await repo.get_by_id("order-1")
    assert order is not None
    assert len(order.idempotency_keys) == 1
    assert KEY not in repr(vars(order))


def test_equivalent_requests_have_one_fingerprint() -> None:
    line = LineDTO("A1", "Lamp", 1, 9_900)
    spelled_out = PlaceOrder(
        user_id="user-42",
        total=9_900,
        currency="EUR",
        lines=(line,),
        shipping=0,
        tags=(),
        metadata={"a": "1", "b": "2"},
    )
    left_out = PlaceOrder(
        user_id="user-42",
        total=9_900,
        currency="EUR",
        lines=(replace(line, discount=0),),
        metadata={"b": "2", "a": "1"},
    )
    assert fingerprint_of(("place", spelled_out)) == fingerprint_of(("place", left_out))


@pytest.mark.parametrize("field", [field.name for field in fields(PlaceOrder)])
def test_any_other_value_changes_the_fingerprint(field: str) -> None:
    changes: dict[str, Any] = {field: "anything else"}
    other = replace(place_command(), **changes)
    assert fingerprint_of(("place", other)) != fingerprint_of(("place", place_command()))


def test_another_command_changes_the_fingerprint() -> None:
    assert fingerprint_of(("ship", None)) != fingerprint_of(("deliver", None))


def order_of_a_file() -> OrderDTO:
    """Return an order as an import reads it: without what orderkeep adds."""
    order = OrderDTO.of(cancelled_order(), 1)
    added = {"payment_status", "shipping_status", "current_total"}
    given = {field.name: getattr(order, field.name) for field in fields(OrderDTO) if field.name not in added}
    lines = [replace(line, id="", cancelled=0) for line in order.lines]
    return OrderDTO(**given | {"lines": tuple(lines)})


@pytest.mark.parametrize(
    "command, digest",
    [
        (("place", place_command()), "37f179d6e1011ff12edef18c78851407"),
        (("place", PlaceOrder(user_id="user-ä 🎁", total=100, currency="EUR")), "1193a07a5d0b340cf23754edfc257c4b"),
        (("cancel", ["late", None]), "55fa548c87edef34fffb96dae90b4b99"),
        (("ship", None), "34901f034f84715f98c4f487f54a220e"),
        (("issue_receipt", ["html", 3]), "57b427f28e9c5d9723f92aea9acfceaf"),
        (("import", order_of_a_file()), "d2b1b9bcb28868d8222df0376f361014"),
    ],
    ids=["place", "place-unicode", "cancel", "ship", "receipt", "import"],
)
def test_fingerprints_match_those_that_are_stored(command: tuple[str, Any], digest: str) -> None:
    assert fingerprint_of(command) == digest


def not_compared(source: str) -> set[str]:
    """Return the arguments of a command that are not beside its name in what idempotency compares."""
    nodes = list(ast.walk(ast.parse(source)))
    [execute] = [each for each in nodes if isinstance(each, ast.AsyncFunctionDef) and each.name == "execute"]
    given = {each.arg for each in (*execute.args.args, *execute.args.kwonlyargs)}
    commands = [
        each for each in nodes if isinstance(each, ast.Tuple) and isinstance((*each.elts, None)[0], ast.Constant)
    ]
    compared = {each.id for command in commands for each in ast.walk(command) if isinstance(each, ast.Name)}
    return given - compared - {"self", "order_id", "context"}


COMMANDS = [
    path
    for path in sorted(Path(use_cases.__path__[0]).glob("*.py"))
    if "context: CommandContext" in path.read_text() and path.stem != "erase_personal_data"  # which takes no key
]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_every_argument_of_a_command_is_compared(path: Path) -> None:
    """With another value, a retry would otherwise be a replay of a different request."""
    assert not_compared(path.read_text(encoding="utf-8")) == set()


def test_argument_that_is_not_compared_is_found() -> None:
    source = next(path for path in COMMANDS if path.stem == "cancel_order").read_text(encoding="utf-8")
    assert not_compared(source.replace("[reason, note]", "[reason]")) == {"note"}
    assert len(COMMANDS) == 21, "a new command: check that its use case passes every argument, then raise the number"


Run = Callable[[InMemoryOrderRepository, CommandContext], Awaitable[Any]]


@pytest.mark.parametrize(
    "status, run, command",
    [
        ("pending", lambda repo, context: ConfirmOrderUseCase(repo).execute("order-1", context), ("confirm", None)),
        ("processing", lambda repo, context: ShipOrderUseCase(repo).execute("order-1", context), ("ship", None)),
        ("shipped", lambda repo, context: DeliverOrderUseCase(repo).execute("order-1", context), ("deliver", None)),
        (
            "pending",
            lambda repo, context: CancelOrderUseCase(repo).execute("order-1", context, reason="late"),
            ("cancel", ["late", None]),
        ),
        (
            "pending",
            lambda repo, context: IssueReceiptUseCase(
                repo, repo, InMemoryDocumentStore(), {"html": PlainReceipts()}
            ).execute("order-1", context),
            ("issue_receipt", ["html", None]),
        ),
    ],
    ids=["confirm", "ship", "deliver", "cancel", "issue_receipt"],
)
async def test_use_case_stores_the_fingerprint_of_its_command(status: str, run: Run, command: tuple[str, Any]) -> None:
    repo = kept(status)
    await run(repo, CommandContext(key=KEY))
    order = await repo.get_by_id("order-1")
    assert order is not None
    assert [kept.fingerprint for kept in order.idempotency_keys.values()] == [fingerprint_of(command)]
