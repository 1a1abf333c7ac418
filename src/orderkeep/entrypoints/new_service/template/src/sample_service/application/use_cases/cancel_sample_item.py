"""Cancel a sample item."""

from sample_service.application.change_sample_item import change_sample_item
from sample_service.application.ports import Clock, utc_now
from sample_service.domain.entities import SampleItem
from sample_service.domain.repositories import SampleItemRepository


class CancelSampleItemUseCase:
    """Cancel a sample item."""

    def __init__(self, repo: SampleItemRepository, clock: Clock = utc_now) -> None:
        self.repo, self.clock = repo, clock

    async def execute(self, sample_item_id: str, expected_version: int | None = None) -> SampleItem:
        """Return the changed entity. Raises `CannotCancelSampleItem`, and like `change_sample_item`."""

        def cancel(sample_item: SampleItem) -> None:
            sample_item.cancel(at=self.clock())

        return await change_sample_item(self.repo, sample_item_id, cancel, expected_version)
