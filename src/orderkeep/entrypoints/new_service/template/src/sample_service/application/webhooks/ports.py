"""The ports of webhooks: where changes are kept until they are delivered, and what sends them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime

from sample_service.domain.entities import SampleItem


@dataclass(frozen=True, slots=True)
class Unsent:
    """A change that is not delivered yet: the sample item as it was saved, and how often it was sent."""

    sample_item: SampleItem
    attempts: int


class Outbox(ABC):
    """Keeps each saved version of a sample item until it is delivered. `save` adds it, in the same transaction."""

    @abstractmethod
    async def first_unsent(self, now: datetime, limit: int) -> list[Unsent]:
        """Return the first change of each sample item if it is due, those that are due for longest first: a later
        change waits for the earlier ones. Raises `StoreUnavailable`.
        """

    @abstractmethod
    async def take(self, unsent: Unsent, due_at: datetime) -> bool:
        """Count an attempt, and make the change due at that time. Return False, without any effect, if another process
        was first. Raises `StoreUnavailable`.
        """

    @abstractmethod
    async def remove(self, unsent: Unsent) -> None:
        """Remove a change that was delivered. Raises `StoreUnavailable`."""


class WebhookSender(ABC):
    """Sends changes to the receiver."""

    @abstractmethod
    async def send(self, message_id: str, at: datetime, body: bytes) -> str | None:
        """Sign and send a body. Return None if the receiver accepted it, otherwise why not."""
