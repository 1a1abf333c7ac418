"""Placing an order."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import EventDTO, LineDTO, OrderDTO, PlaceOrder
from orderkeep.application.errors import IdempotencyKeyReused
from orderkeep.application.use_cases.place_order import PlaceOrderUseCase
from orderkeep.domain.exceptions import AmountOutOfRange, TotalMismatch, UnknownCurrency
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import place_command

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
COMPLETE = PlaceOrder(user_id="user-42", total=9_900, currency="EUR")


async def test_places_an_order_with_no_more_than_who_and_how_much() -> None:
    repo = InMemoryOrderRepository()
    result = await PlaceOrderUseCase(repo, clock=lambda: NOON).execute(COMPLETE)
    order = result.order
    assert (order.user_id, order.total, order.currency, order.status) == ("user-42", 9_900, "EUR", "pending")
    assert (order.created_at, order.updated_at, order.version, order.lines) == (NOON, NOON, 1, ())
    assert (order.shipping, order.discount, order.tax, order.cancellation) == (0, 0, 0, None)
    assert (order.external_ref, order.tags, order.metadata) == (None, (), {})
    assert result.events == (EventDTO("OrderPlaced"),)
    saved = await repo.get_by_id(order.id)
    assert saved is not None
    assert OrderDTO.of(saved) == order


async def test_keeps_everything_that_an_order_says() -> None:
    command = place_command()
    order = (await PlaceOrderUseCase(InMemoryOrderRepository()).execute(command)).order
    lines = tuple(replace(line, id=f"l{number}") for number, line in enumerate(command.lines, start=1))
    for field in [field for field in fields(command) if field.name != "personal"]:
        assert getattr(order, field.name) == (lines if field.name == "lines" else getattr(command, field.name))


async def test_gives_every_order_an_id_of_its_own() -> None:
    place = PlaceOrderUseCase(InMemoryOrderRepository())
    one, other = [(await place.execute(COMPLETE)).order.id for _ in range(2)]
    assert one != other
    assert UUID(one).version == UUID(other).version == 4


async def test_rejects_a_total_that_the_lines_do_not_add_up_to() -> None:
    repo = InMemoryOrderRepository()
    wrong = replace(place_command(), total=place_command().total + 5)
    with pytest.raises(TotalMismatch, match="difference \\+5"):
        await PlaceOrderUseCase(repo).execute(wrong)
    assert (await repo.read_changes(0, 10)).changes == ()


@pytest.mark.parametrize(
    "wrong, error, field",
    [
        ({"currency": "EURO"}, UnknownCurrency, "currency"),
        ({"total": 10**15}, AmountOutOfRange, "total"),
        ({"shipping": 10**15}, AmountOutOfRange, "shipping"),
        ({"lines": (LineDTO("A1", "Lamp", 1, 9_900, tax=-(10**15)),)}, AmountOutOfRange, "lines/0/tax"),
    ],
    ids=["currency", "total", "shipping", "line"],
)
async def test_says_which_field_is_wrong(wrong: dict[str, object], error: type[TotalMismatch], field: str) -> None:
    with pytest.raises(error) as refused:
        await PlaceOrderUseCase(InMemoryOrderRepository()).execute(replace(COMPLETE, **wrong))  # type: ignore[arg-type]
    assert refused.value.field == field


async def test_places_one_order_however_often_the_same_request_is_sent() -> None:
    repo = InMemoryOrderRepository()
    place = PlaceOrderUseCase(repo, repo)
    first = await place.execute(COMPLETE, CommandContext(key="from my cart"))
    again = await place.execute(COMPLETE, CommandContext(key="from my cart"))
    assert again.order == first.order
    assert (first.replayed, again.replayed) == (False, True)
    assert len((await repo.read_changes(0, 10)).changes) == 1


async def test_rejects_another_order_under_the_same_key() -> None:
    repo = InMemoryOrderRepository()
    place = PlaceOrderUseCase(repo, repo)
    await place.execute(COMPLETE, CommandContext(key="from my cart"))
    with pytest.raises(IdempotencyKeyReused):
        await place.execute(replace(COMPLETE, total=9_901), CommandContext(key="from my cart"))


async def test_places_nothing_over_an_order_that_was_imported_without_its_keys() -> None:
    before_the_move, after_it = InMemoryOrderRepository(), InMemoryOrderRepository()
    request = CommandContext(key="from my cart")
    placed = await PlaceOrderUseCase(before_the_move).execute(COMPLETE, request)
    await after_it.save(placed.order.to_imported_order())
    with pytest.raises(IdempotencyKeyReused):
        await PlaceOrderUseCase(after_it).execute(COMPLETE, request)
    assert len((await after_it.read_changes(0, 10)).changes) == 1


async def test_shows_in_a_dry_run_what_it_would_place() -> None:
    repo = InMemoryOrderRepository()
    result = await PlaceOrderUseCase(repo).execute(COMPLETE, CommandContext(dry_run=True))
    assert (result.order.status, result.order.version, result.dry_run) == ("pending", 1, True)
    assert result.events == (EventDTO("OrderPlaced"),)
    assert (await repo.read_changes(0, 10)).changes == ()
