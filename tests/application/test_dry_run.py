"""A dry run returns the result of the command and writes nothing."""

import copy
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import CommandResult
from orderkeep.application.use_cases.cancel_order import CancelOrderUseCase
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import OrderNotFound, VersionMismatch
from orderkeep.domain.lifecycle import CommandRejected
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order, small_order
from orderkeep.testing.stores import read_all
from tests.article.test_cancel_order import InMemoryOrderRepository as ArticlesRepository

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DRY, DRY_WITH_KEY = CommandContext(dry_run=True), CommandContext(dry_run=True, key="key-1")
Run = Callable[[Any, CommandContext], Awaitable[CommandResult]]

ACCEPTED: list[tuple[str, Run]] = [
    ("pending", lambda repo, asked: ConfirmOrderUseCase(repo, clock=lambda: NOON).execute("order-1", asked)),
    ("processing", lambda repo, asked: ShipOrderUseCase(repo, clock=lambda: NOON).execute("order-1", asked)),
    ("shipped", lambda repo, asked: DeliverOrderUseCase(repo, clock=lambda: NOON).execute("order-1", asked)),
    (
        "pending",
        lambda repo, asked: CancelOrderUseCase(repo, clock=lambda: NOON).execute("order-1", asked, reason="late"),
    ),
]
each_command = pytest.mark.parametrize("status, run", ACCEPTED, ids=["confirm", "ship", "deliver", "cancel"])


@each_command
@pytest.mark.parametrize("asked", [DRY, DRY_WITH_KEY], ids=["no-key", "key"])
async def test_returns_what_would_happen_and_writes_nothing(status: str, run: Run, asked: CommandContext) -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status=status)])
    before = await read_all(repo)
    foreseen = await run(repo, asked)
    assert await read_all(repo) == before
    order = await repo.get_by_id("order-1")
    assert order is not None
    assert not order.idempotency_keys

    happened = await run(repo, replace(asked, dry_run=False))
    assert (foreseen.order, foreseen.events, foreseen.dry_run) == (happened.order, happened.events, True)
    assert (foreseen.order_id, foreseen.version, foreseen.json) == ("order-1", happened.version, None)


@each_command
async def test_touches_no_object_that_a_plain_repository_hands_out(status: str, run: Run) -> None:
    order = pending_order(1)
    order = Order(**vars(order) | {"status": status, "events": []})
    before = copy.deepcopy(vars(order))
    result = await run(ArticlesRepository([order]), DRY)  # type: ignore[no-untyped-call]
    assert result.order.status != status
    assert vars(order) == before


async def test_is_rejected_as_the_command_itself_would_be() -> None:
    repo = InMemoryOrderRepository([small_order("order-1", status="delivered")])
    for _, run in ACCEPTED:
        with pytest.raises(CommandRejected, match="it is delivered"):
            await run(repo, DRY)
        with pytest.raises(VersionMismatch):
            await run(repo, CommandContext(dry_run=True, expected_version=2))
        with pytest.raises(OrderNotFound):
            await run(InMemoryOrderRepository(), DRY)


async def test_used_key_returns_the_original_result() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    cancel = CancelOrderUseCase(repo, repo)
    first = await cancel.execute("order-1", CommandContext(key="key-1"))
    again = await cancel.execute("order-1", DRY_WITH_KEY)
    assert (again.order, again.events, again.replayed, again.dry_run) == (first.order, first.events, True, False)
