"""Events in a list: for tests, demos and a first look. They end with the process."""

from collections.abc import Sequence

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import EventPublisher, NotPublished, Progress, ignore_progress
from orderkeep.infrastructure.cloud_events import DEFAULT_SOURCE, CloudEvent, cloud_events


class InMemoryEventPublisher(EventPublisher):
    """Keeps the events that others would get, in `published`."""

    def __init__(self, source: str = DEFAULT_SOURCE) -> None:
        self.published: list[CloudEvent] = []
        self._source, self._closed = source, False

    async def publish(self, changes: Sequence[ChangeDTO], done: Progress = ignore_progress) -> None:
        for change in changes:
            if self._closed:
                raise NotPublished("the publisher is closed")
            self.published += cloud_events(change, self._source)
            done(1)

    async def close(self) -> None:
        self._closed = True
