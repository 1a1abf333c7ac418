"""Tells from an access token of an OpenID provider who holds it."""

import logging
import time
from collections.abc import Callable
from functools import partial

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.authenticator import Authenticator
from orderkeep.application.errors import NotAuthenticated
from orderkeep.application.openid_provider import OpenIdProvider
from orderkeep.infrastructure.openid_tokens.discovery import Fetch, load_keys
from orderkeep.infrastructure.openid_tokens.fetching import fetch as fetch_document
from orderkeep.infrastructure.openid_tokens.headers import header_of
from orderkeep.infrastructure.openid_tokens.key_source import KeySource
from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused
from orderkeep.infrastructure.openid_tokens.signatures import signed_bytes
from orderkeep.infrastructure.openid_tokens.strict_json import read_object
from orderkeep.infrastructure.openid_tokens.token_claims import check_claims
from orderkeep.infrastructure.openid_tokens.verified import VerifiedTokens

MAX_TOKEN_LENGTH = 8_192
"""Nothing longer is looked into."""

log = logging.getLogger("orderkeep.openid")


class OpenIdTokens(Authenticator):
    """Tokens of one provider. Its keys are fetched with the first token, not before: it may start after us."""

    def __init__(
        self,
        provider: OpenIdProvider,
        *,
        fetch: Fetch = fetch_document,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider, self._now = provider, now
        self._keys = KeySource(partial(load_keys, provider, fetch), clock)
        self._verified = VerifiedTokens()

    async def authenticate(self, token: str) -> Actor | None:
        """Return who holds the token, or None where it has no dot in it: then it is no token of a provider's."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise NotAuthenticated
        if "." not in token:
            return None
        try:
            return await self._actor_of(token)
        except TokenRefused as error:
            log.debug("a token was refused", extra={"reason": str(error)})
            raise NotAuthenticated from None

    async def close(self) -> None:
        await self._keys.close()

    async def _actor_of(self, token: str) -> Actor:
        if self._keys.keys is not None:
            known = self._verified.find(token, await self._keys.current(), self._now())
            if known is not None:
                return known
        header = header_of(token, self._provider.algorithms)
        key, keys = await self._keys.find(header)
        claims = read_object(signed_bytes(token, key, header.algorithm))
        now = self._now()
        end = check_claims(claims, self._provider, now)
        actor = self._provider.claims.actor_of(claims)
        self._verified.add(token, actor, keys, end, now)
        return actor
