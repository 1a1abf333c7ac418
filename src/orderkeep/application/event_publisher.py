"""The event publisher port: delivers committed events to other systems."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import Progress, ignore_progress


class NotPublished(Exception):
    """A change was not accepted, for the given reason. All changes reported to `done` before were accepted."""


class EventPublisher(ABC):
    """Publishes events at least once, and the events of each order in their order.

    An event that is published again, because the outcome was unknown, has the same ID.
    """

    @abstractmethod
    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        """Publish the events of the changes, which are in commit order. Raises `NotPublished`.

        `done` is called with the number of further changes, from the first on, that were accepted: after a cancellation
        or `NotPublished`, continue after these. An event of an order is sent only after the previous one was accepted.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close connections. A second call has no effect."""
