"""Place a sample item."""

import uuid

from sample_service.application.change_sample_item import load_sample_item
from sample_service.application.dtos import PlaceSampleItem
from sample_service.application.errors import IdempotencyKeyReused
from sample_service.application.ports import Clock, utc_now
from sample_service.domain.entities import SampleItem
from sample_service.domain.exceptions import ConcurrentUpdate
from sample_service.domain.repositories import SampleItemRepository

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sample-service:sample-items")
"""IDs are derived from it: another one would make repeated requests place a second sample item."""


class PlaceSampleItemUseCase:
    """Place a sample item."""

    def __init__(self, repo: SampleItemRepository, clock: Clock = utc_now) -> None:
        self.repo, self.clock = repo, clock

    async def execute(self, command: PlaceSampleItem, key: str | None = None) -> SampleItem:
        """Return the new sample item. With a key, its ID is derived from the key, so that the insert detects a
        repeated request: it returns what the first one placed, as it is now.

        Raises `InvalidInput`, `StoreUnavailable`, and `IdempotencyKeyReused` if the first request had other values.
        """
        sample_item_id = str(uuid.uuid4() if key is None else uuid.uuid5(_NAMESPACE, key))
        request = None if key is None else command.fingerprint()
        sample_item = SampleItem.place(sample_item_id, command.name, at=self.clock(), request=request)
        try:
            await self.repo.save(sample_item)
        except ConcurrentUpdate:
            sample_item = await load_sample_item(self.repo, sample_item_id)
            if sample_item.request != request:
                raise IdempotencyKeyReused from None
        return sample_item
