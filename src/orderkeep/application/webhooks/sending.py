"""The port for sending the request of one delivery."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

MAX_RESPONSE_BODY = 1_024
"""How much of a response is kept, in bytes."""


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What a receiver returned, or why there is no complete response.

    `status` is None without a response, and `error` then says why in plain English, without addresses. `body` has at
    most the first `MAX_RESPONSE_BODY` bytes. `retry_after` and `seconds`, the duration, are in seconds.
    """

    status: int | None
    body: bytes = b""
    error: str | None = None
    retry_after: float | None = None
    seconds: float = 0.0


class WebhookSender(ABC):
    """Sends requests to receivers."""

    @abstractmethod
    async def check(self, url: str) -> None:
        """Raise `InvalidInput`, for the field `url`, if the URL or its host is not allowed."""

    @abstractmethod
    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        """Send the body with POST. Never raises for what the receiver does or does not do."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""
