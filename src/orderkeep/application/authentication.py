"""Who asks, proven: the port behind which every way of proving it stands."""

from abc import ABC, abstractmethod

from orderkeep.application.access.actor import Actor


class Authenticator(ABC):
    """Tells from a token who holds it. Keys, tokens of an OpenID provider and whatever comes later are each one."""

    @abstractmethod
    async def authenticate(self, token: str) -> Actor | None:
        """Return who holds the token, or None where it is not of this kind at all, so that another may know it.

        Raises `NotAuthenticated` where it is of this kind and does not count: unknown, damaged, expired, revoked; it
        never says which. Raises `StoreUnavailable` where that cannot be told now.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of what is held open. A second call does nothing."""
