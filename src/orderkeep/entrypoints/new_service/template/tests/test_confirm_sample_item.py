"""When a sample item can be confirmed, and what then changes."""

import pytest

from sample_service.application.use_cases.confirm_sample_item import ConfirmSampleItemUseCase
from sample_service.domain.lifecycle import CannotConfirmSampleItem, SampleItemStatus
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import LATER, stored

ALLOWED = ("pending",)


@pytest.mark.parametrize("status", ALLOWED)
async def test_confirm_leads_to_confirmed(status: str) -> None:
    repo = InMemorySampleItemRepository()
    sample_item_id = await stored(repo, status=status)
    changed = await ConfirmSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    assert (changed.status, changed.updated_at, changed.version) == ("confirmed", LATER, 2)
    assert await repo.get_by_id(sample_item_id) == changed


@pytest.mark.parametrize("status", [each for each in SampleItemStatus if each not in ALLOWED])
async def test_confirm_rejects_other_statuses(status: str) -> None:
    repo = InMemorySampleItemRepository()
    sample_item_id = await stored(repo, status=status)
    with pytest.raises(CannotConfirmSampleItem, match=f" cannot be confirmed: it is {status}$"):
        await ConfirmSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    found = await repo.get_by_id(sample_item_id)
    assert found is not None
    assert (found.status, found.version) == (status, 1)
