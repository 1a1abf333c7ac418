"""The ports that a store implements besides the repository, and the clock."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from sample_service.domain.entities import SampleItem
from sample_service.domain.lifecycle import SampleItemStatus
from sample_service.domain.repositories import SampleItemRepository

Clock = Callable[[], datetime]
"""Returns the current time, with a time zone."""


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class ListPosition(NamedTuple):
    """A place in a list that is sorted by time of creation and ID."""

    created_at: datetime
    id: str


class SampleItemQueries(ABC):
    """Reads that need no sample item to be changed."""

    @abstractmethod
    async def list_page(
        self,
        status: SampleItemStatus | None,
        after: ListPosition | None,
        limit: int,
    ) -> list[SampleItem]:
        """Return at most `limit` sample items after a position, newest first. Raises `StoreUnavailable`."""


class SampleItemStore(SampleItemRepository, SampleItemQueries):
    """All that the service needs of a store."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store can be read and written. Raises `StoreUnavailable`."""

    @abstractmethod
    async def close(self) -> None:
        """Complete pending saves and release all resources. Later calls raise `StoreUnavailable`."""
