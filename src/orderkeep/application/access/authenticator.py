"""The authentication port: verifies a token and returns its `Actor`."""

from abc import ABC, abstractmethod

from orderkeep.application.access.actor import Actor


class Authenticator(ABC):
    """Verifies one type of token, such as API keys or JSON Web Tokens."""

    @abstractmethod
    async def authenticate(self, token: str) -> Actor | None:
        """Return the actor of the token, or None if the token is of another type.

        Raises `NotAuthenticated` if the token is unknown, malformed, expired or revoked, without saying which, and
        `ServiceUnavailable` if it cannot be verified now.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close connections. A second call has no effect."""
