"""Placing a sample item, and repeated requests with an idempotency key."""

import asyncio

import pytest

from sample_service.application.dtos import PlaceSampleItem
from sample_service.application.errors import IdempotencyKeyReused
from sample_service.application.use_cases.place_sample_item import PlaceSampleItemUseCase
from sample_service.domain.exceptions import TextMissing
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import AT, LATER

FIRST = PlaceSampleItem("First")


async def test_place_stores_the_sample_item() -> None:
    repo = InMemorySampleItemRepository()
    placed = await PlaceSampleItemUseCase(repo, lambda: AT).execute(FIRST)
    assert (placed.name, placed.status, placed.created_at, placed.version) == ("First", "pending", AT, 1)
    assert await repo.get_by_id(placed.id) == placed


async def test_place_without_a_key_places_another_one() -> None:
    place = PlaceSampleItemUseCase(InMemorySampleItemRepository(), lambda: AT)
    assert (await place.execute(FIRST)).id != (await place.execute(FIRST)).id


async def test_repeated_key_returns_the_first_sample_item() -> None:
    repo = InMemorySampleItemRepository()
    first = await PlaceSampleItemUseCase(repo, lambda: AT).execute(FIRST, "key")
    assert await PlaceSampleItemUseCase(repo, lambda: LATER).execute(FIRST, "key") == first
    assert (await PlaceSampleItemUseCase(repo, lambda: LATER).execute(FIRST, "another key")).id != first.id


async def test_concurrent_requests_with_one_key_place_one_sample_item() -> None:
    place = PlaceSampleItemUseCase(InMemorySampleItemRepository(), lambda: AT)
    placed = await asyncio.gather(*(place.execute(FIRST, "key") for _ in range(5)))
    assert {(each.id, each.version) for each in placed} == {(placed[0].id, 1)}


async def test_key_of_another_request_is_rejected() -> None:
    place = PlaceSampleItemUseCase(InMemorySampleItemRepository(), lambda: AT)
    await place.execute(FIRST, "key")
    with pytest.raises(IdempotencyKeyReused):
        await place.execute(PlaceSampleItem("Second"), "key")


async def test_invalid_name_stores_nothing() -> None:
    repo = InMemorySampleItemRepository()
    with pytest.raises(TextMissing):
        await PlaceSampleItemUseCase(repo, lambda: AT).execute(PlaceSampleItem(" "))
    assert await repo.list_page(None, None, 1) == []
