"""The rate limiter port."""

from abc import ABC, abstractmethod


class RateLimiter(ABC):
    """Limits the requests of each client, such as an actor or an address."""

    @abstractmethod
    async def take(self, client: str) -> None:
        """Count a request of the client. Raises `TooManyRequests`, without counting it, if it exceeds the limit.

        An unavailable limiter allows every request: it protects the service and must not stop it.
        """
