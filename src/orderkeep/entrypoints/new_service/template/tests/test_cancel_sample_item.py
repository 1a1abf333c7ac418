"""When a sample item can be cancelled, and what then changes."""

import pytest

from sample_service.application.use_cases.cancel_sample_item import CancelSampleItemUseCase
from sample_service.domain.lifecycle import CannotCancelSampleItem, SampleItemStatus
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import LATER, stored

ALLOWED = ("pending", "confirmed")


@pytest.mark.parametrize("status", ALLOWED)
async def test_cancel_leads_to_cancelled(status: str) -> None:
    repo = InMemorySampleItemRepository()
    sample_item_id = await stored(repo, status=status)
    changed = await CancelSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    assert (changed.status, changed.updated_at, changed.version) == ("cancelled", LATER, 2)
    assert await repo.get_by_id(sample_item_id) == changed


@pytest.mark.parametrize("status", [each for each in SampleItemStatus if each not in ALLOWED])
async def test_cancel_rejects_other_statuses(status: str) -> None:
    repo = InMemorySampleItemRepository()
    sample_item_id = await stored(repo, status=status)
    with pytest.raises(CannotCancelSampleItem, match=f" cannot be cancelled: it is {status}$"):
        await CancelSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    found = await repo.get_by_id(sample_item_id)
    assert found is not None
    assert (found.status, found.version) == (status, 1)
