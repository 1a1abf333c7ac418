"""The repository port: where sample items are stored."""

from abc import ABC, abstractmethod

from sample_service.domain.entities import SampleItem


class SampleItemRepository(ABC):
    """Stores sample items; each save is one commit."""

    @abstractmethod
    async def get_by_id(self, sample_item_id: str) -> SampleItem | None:
        """Return the sample item as last committed, or None. Raises `StoreUnavailable`.

        Each call returns a new object, so changing it changes nothing here until it is saved.
        """

    @abstractmethod
    async def save(self, sample_item: SampleItem) -> None:
        """Commit the sample item. On return the commit is durable, and its `version` is one higher.

        Raises `ConcurrentUpdate` if the stored version is not the loaded one (0: not stored yet), and
        `StoreUnavailable`, after which the commit may or may not have happened. After any error the object is
        unchanged.
        """
