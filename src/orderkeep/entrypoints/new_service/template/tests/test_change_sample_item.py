"""Versions and conflicts: what every command has in common, seen with `confirm` and `cancel`."""

import asyncio

import pytest

from sample_service.application import change_sample_item
from sample_service.application.errors import Contention
from sample_service.application.use_cases.cancel_sample_item import CancelSampleItemUseCase
from sample_service.application.use_cases.confirm_sample_item import ConfirmSampleItemUseCase
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import SampleItemNotFound, VersionMismatch
from sample_service.domain.lifecycle import CannotConfirmSampleItem
from sample_service.infrastructure.memory_repo import InMemorySampleItemRepository
from tests.sample_items import LATER, stored


class InterruptedRepository(InMemorySampleItemRepository):
    """Lets another writer be first, before each of a number of saves."""

    def __init__(self, interruptions: int) -> None:
        super().__init__()
        self.interruptions = interruptions

    async def save(self, sample_item: SampleItem) -> None:
        if sample_item.version and self.interruptions:
            self.interruptions -= 1
            other = await self.get_by_id(sample_item.id)
            assert other is not None
            await super().save(other)
        await super().save(sample_item)


async def test_expected_version_is_compared() -> None:
    repo = InMemorySampleItemRepository()
    sample_item_id = await stored(repo)
    assert (await ConfirmSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id, 1)).version == 2
    with pytest.raises(VersionMismatch, match=r"is at version 2, not 1: read it and retry$"):
        await CancelSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id, 1)


async def test_unknown_sample_item_is_not_found() -> None:
    with pytest.raises(SampleItemNotFound):
        await ConfirmSampleItemUseCase(InMemorySampleItemRepository()).execute("unknown")


async def test_command_is_decided_again_after_a_conflict() -> None:
    repo = InterruptedRepository(2)
    sample_item_id = await stored(repo)
    confirmed = await ConfirmSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    assert (confirmed.status, confirmed.version) == ("confirmed", 4)


async def test_constant_conflicts_end_with_contention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_sample_item, "LONGEST_PAUSE_SECONDS", 0)
    repo = InterruptedRepository(1_000)
    sample_item_id = await stored(repo)
    with pytest.raises(Contention, match=f"{change_sample_item.ATTEMPTS} times, nothing was written"):
        await ConfirmSampleItemUseCase(repo, lambda: LATER).execute(sample_item_id)
    found = await repo.get_by_id(sample_item_id)
    assert found is not None
    assert found.status == "pending"


async def test_one_of_several_concurrent_confirmations_succeeds() -> None:
    repo = InMemorySampleItemRepository()
    confirm = ConfirmSampleItemUseCase(repo, lambda: LATER)
    sample_item_id = await stored(repo)
    results = await asyncio.gather(*(confirm.execute(sample_item_id) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, SampleItem) for each in results) == 1
    assert sum(isinstance(each, CannotConfirmSampleItem) for each in results) == 4
