"""Authenticate a bearer token."""

from collections.abc import Sequence

from orderkeep.application.access.actor import Actor
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.ports import Authenticator


class AuthenticateUseCase:
    """Authenticate a bearer token with the first authenticator that recognizes its type."""

    def __init__(self, authenticators: Sequence[Authenticator] = ()) -> None:
        self.authenticators = tuple(authenticators)

    async def execute(self, token: str) -> Actor:
        """Return the actor of the token. Raises `InvalidCredentials` and `ServiceUnavailable`."""
        for authenticator in self.authenticators:
            if (actor := await authenticator.authenticate(token)) is not None:
                return actor
        raise InvalidCredentials
