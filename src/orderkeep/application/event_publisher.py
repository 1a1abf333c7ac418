"""Where events leave to, after their commit: the port for whoever carries them out, a stream's handler or a relay."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import Progress, ignore_progress


class NotPublished(Exception):
    """The next change was not taken, and why. All that `done` was told of before were."""


class EventPublisher(ABC):
    """Tells others what happened: at least once, and of each order in the order in which it happened.

    An event that is published again, because nobody knew whether it had been, has the id that it had before.
    """

    @abstractmethod
    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        """Publish the events of all of the changes, which are in the order of their commits.

        `done` is told how many more of them, from the first on, were taken: whoever is cancelled, or gets
        `NotPublished`, goes on behind those. No event of an order is sent while one before it was not taken.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections. A second call does nothing."""
