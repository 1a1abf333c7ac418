"""Get a sample item."""

from sample_service.application.change_sample_item import load_sample_item
from sample_service.domain.entities import SampleItem
from sample_service.domain.repositories import SampleItemRepository


class GetSampleItemUseCase:
    """Get the current state of a sample item."""

    def __init__(self, repo: SampleItemRepository) -> None:
        self.repo = repo

    async def execute(self, sample_item_id: str) -> SampleItem:
        """Return the sample item. Raises `SampleItemNotFound`, `StoreUnavailable`."""
        return await load_sample_item(self.repo, sample_item_id)
