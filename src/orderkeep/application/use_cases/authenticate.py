"""Tell who asks."""

from collections.abc import Sequence

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.authenticator import Authenticator
from orderkeep.application.errors import NotAuthenticated


class AuthenticateUseCase:
    """Tell from a token who asks."""

    def __init__(self, authenticators: Sequence[Authenticator] = ()) -> None:
        self.authenticators = tuple(authenticators)

    async def execute(self, token: str) -> Actor:
        """Return who holds the token. Raises `NotAuthenticated`, and `StoreUnavailable` where nobody can tell now."""
        for authenticator in self.authenticators:
            if (actor := await authenticator.authenticate(token)) is not None:
                return actor
        raise NotAuthenticated
