"""Port for publishing the events of committed changes to other systems."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import Progress, ignore_progress


class NotPublished(Exception):
    """The next change was not published; the message gives the reason. All changes reported to `done` were."""


class EventPublisher(ABC):
    """Publishes events at least once, and those of each order in their order. A repeated event has the same id."""

    @abstractmethod
    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        """Publish the events of the changes, which are in commit order.

        `done` receives the number of further changes that were published, counted from the first: after a
        cancellation or `NotPublished`, continue after those. An event is not sent before the previous one of its order
        was accepted.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the connections. A second call does nothing."""
