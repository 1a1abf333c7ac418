"""An OpenID provider whose keys, availability and clock a test controls."""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

from joserfc.jwk import Key

from orderkeep.application.access.actor import Actor
from orderkeep.application.errors import AuthenticationUnavailable, InvalidCredentials
from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator
from orderkeep.infrastructure.openid.keys import FetchFailed
from tests.infrastructure.openid_samples import JWKS_URL, NOW, jwks, key_of, provider, published, token

FIRST, SECOND, THIRD = ("RS256 1", key_of("RS256")), ("RS256 2", key_of("RS256", 2)), ("RS256 3", key_of("RS256", 3))
"""Keys, with their key ids."""


class ScriptedProvider:
    """Responds to `fetch` and records the URLs."""

    def __init__(self, *keys: tuple[str, Key]) -> None:
        self.documents: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.is_down = False
        self.seconds = 0.0
        self.publish(*keys)

    def publish(self, *keys: tuple[str, Key]) -> None:
        self.documents[JWKS_URL] = jwks(*(published(key, key_id) for key_id, key in keys))

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if self.is_down or url not in self.documents:
            raise FetchFailed("status 503")
        return self.documents[url]

    def trusted(self, fetch: Callable[[str], bytes] | None = None, **more: Any) -> OpenIdAuthenticator:
        """An authenticator that trusts it, with the clock of the test."""
        now = lambda: NOW + self.seconds  # noqa: E731
        return OpenIdAuthenticator(provider(**more), fetch=fetch or self.fetch, now=now, clock=lambda: self.seconds)


_numbers = itertools.count()


def signed_by(which: tuple[str, Key], seconds: float = 0) -> str:
    """A unique token, signed by the key that many seconds after the start."""
    key_id, key = which
    made = int(NOW + seconds)
    claims = {"iat": made, "nbf": made, "exp": made + 3_600, "jti": str(next(_numbers))}
    return token(claims, {"kid": key_id}, key=key)


async def outcome_of(tokens: OpenIdAuthenticator, text: str) -> Actor | int:
    """Return the actor, or the status of the HTTP response."""
    try:
        found = await tokens.authenticate(text)
    except InvalidCredentials:
        return 401
    except AuthenticationUnavailable:
        return 503
    assert found
    return found


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is true, up to 10 seconds."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.005)
