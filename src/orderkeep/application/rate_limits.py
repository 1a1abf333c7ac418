"""How often one may ask: the port behind which requests are counted."""

from abc import ABC, abstractmethod


class RateLimiter(ABC):
    """Counts what each one asks, whoever that is: an actor, an address."""

    @abstractmethod
    async def take(self, who: str) -> None:
        """Count one more request of theirs. Raises `TooManyRequests` where it is one too many, and does not count it.

        A limiter that cannot be reached lets everything pass: it protects the service, and is not to be its end.
        """
