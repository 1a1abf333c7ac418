"""How every command changes a sample item: load, check the version, decide, save; repeat after a conflict."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from sample_service.application.errors import Contention
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import ConcurrentUpdate, SampleItemNotFound, VersionMismatch
from sample_service.domain.repositories import SampleItemRepository

ATTEMPTS = 12
"""Maximum attempts before `Contention`."""

FIRST_PAUSE_SECONDS = 0.002
LONGEST_PAUSE_SECONDS = 0.25

Decide = Callable[[SampleItem], None]
"""Takes the current sample item and changes it, or raises and changes nothing."""


async def change_sample_item(
    repo: SampleItemRepository,
    sample_item_id: str,
    decide: Decide,
    expected_version: int | None = None,
) -> SampleItem:
    """Run one command. Nothing is written if `decide` raises. After a lost race `decide` runs again, on a later state.

    Raises what `decide` raises, `SampleItemNotFound`, `VersionMismatch` if the version is not the expected one,
    `Contention`, and `StoreUnavailable`.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(_pause(attempt))
        sample_item = await load_sample_item(repo, sample_item_id)
        if expected_version not in (None, sample_item.version):
            raise VersionMismatch(expected_version, sample_item.version)
        decide(sample_item)
        with suppress(ConcurrentUpdate):
            await repo.save(sample_item)
            return sample_item
    raise Contention(ATTEMPTS)


async def load_sample_item(repo: SampleItemRepository, sample_item_id: str) -> SampleItem:
    """Load a sample item. Raises `SampleItemNotFound`."""
    sample_item = await repo.get_by_id(sample_item_id)
    if sample_item is None:
        raise SampleItemNotFound(sample_item_id)
    return sample_item


def _pause(attempt: int) -> float:
    return random.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))  # noqa: S311
