"""Getting a sample item."""

import pytest

from sample_service.application.use_cases.get_sample_item import GetSampleItemUseCase
from sample_service.domain.exceptions import SampleItemNotFound
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import stored


async def test_get_returns_the_stored_sample_item() -> None:
    repo = InMemorySampleItemRepository()
    found = await GetSampleItemUseCase(repo).execute(await stored(repo))
    assert found == await repo.get_by_id(found.id)


async def test_unknown_id_is_not_found() -> None:
    with pytest.raises(SampleItemNotFound) as raised:
        await GetSampleItemUseCase(InMemorySampleItemRepository()).execute("unknown")
    assert raised.value.sample_item_id == "unknown"
