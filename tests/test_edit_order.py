"""Editing an order: tags, metadata and the external reference, by merge patch."""

from datetime import UTC, datetime

import pytest

from orderkeep.application.dtos import EventDTO, LineDTO
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.edit_order import EditOrderUseCase
from orderkeep.application.use_cases.list_orders import ListOrdersUseCase
from orderkeep.domain.entities import OrderChanges
from orderkeep.domain.exceptions import (
    InvalidInput,
    OrderTooLarge,
    TextMissing,
    TextTooLong,
    TooManyMetadataKeys,
    TooManyTags,
)
from orderkeep.domain.lifecycle import ExternalRefIsSet
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import pending_order, small_order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_merges_the_given_values() -> None:
    repo = InMemoryOrderRepository([pending_order()])
    edit = EditOrderUseCase(repo, clock=lambda: NOON)
    result = await edit.execute("order-1", {"tags": ("fragile",), "metadata": {"colour": None, "size": "XL"}})
    assert result.events == (EventDTO("DetailsChanged"),)
    assert (result.order.tags, result.order.updated_at) == (("fragile",), NOON)
    assert result.order.metadata == {"channel": "phone-1", "size": "XL"}
    assert result.order.external_ref == "web-1"
    found = [
        len((await ListOrdersUseCase(repo).execute(OrderFilter(tag=tag))).orders) for tag in ("fragile", "express")
    ]
    assert found == [1, 0]


async def test_none_removes_all_tags_and_all_metadata() -> None:
    repo = InMemoryOrderRepository([pending_order()])
    result = await EditOrderUseCase(repo).execute("order-1", {"tags": None, "metadata": None})
    assert (result.order.tags, result.order.metadata) == ((), {})


@pytest.mark.parametrize(
    "changes",
    [{}, {"tags": ("gift-1", "express")}, {"metadata": {"colour": "green", "size": None}}, {"external_ref": "web-1"}],
)
async def test_the_values_that_the_order_has_change_nothing(changes: OrderChanges) -> None:
    repo = InMemoryOrderRepository([pending_order()])
    result = await EditOrderUseCase(repo).execute("order-1", changes)
    assert (result.events, result.unchanged, result.version) == ((), True, 1)


async def test_sets_the_external_reference_once() -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    edit = EditOrderUseCase(repo)
    assert (await edit.execute("order-1", {"external_ref": "web-7"})).order.external_ref == "web-7"
    for other in ("web-8", None):
        with pytest.raises(ExternalRefIsSet, match="cannot be changed or removed"):
            await edit.execute("order-1", {"external_ref": other})
    assert len(await repo.list_changes("order-1", 0, 10)) == 2


@pytest.mark.parametrize(
    "changes, expected, field",
    [
        ({"tags": ("t" * 51,)}, TextTooLong, "tags/0"),
        ({"tags": tuple("abcdefghijklmnopqrstu")}, TooManyTags, "tags"),
        ({"metadata": {str(number): "" for number in range(51)}}, TooManyMetadataKeys, "metadata"),
        ({"metadata": {"key": "v" * 501}}, TextTooLong, "metadata/key"),
        ({"external_ref": " "}, TextMissing, "external_ref"),
    ],
)
async def test_rejects_invalid_values(changes: OrderChanges, expected: type[InvalidInput], field: str) -> None:
    repo = InMemoryOrderRepository([small_order("order-1")])
    with pytest.raises(expected) as caught:
        await EditOrderUseCase(repo).execute("order-1", changes)
    assert caught.value.field == field


async def test_rejects_what_makes_the_order_too_large() -> None:
    lines = tuple([LineDTO("A1", "漢" * 200, 1, 1) for _ in range(500)])
    repo = InMemoryOrderRepository([small_order("order-1", lines=lines, total=500)])
    with pytest.raises(OrderTooLarge):
        await EditOrderUseCase(repo).execute("order-1", {"metadata": {str(key): "漢" * 500 for key in range(50)}})
