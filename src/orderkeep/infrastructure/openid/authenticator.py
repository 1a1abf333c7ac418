"""Authenticates by access token (RFC 9068): joserfc verifies signature and claims; this adds what it does not check."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from joserfc import jws
from joserfc.errors import ClaimError, InvalidClaimError, JoseError
from joserfc.jwk import Key
from joserfc.jwt import JWTClaimsRegistry
from joserfc.util import urlsafe_b64decode

from orderkeep.application.access.actor import Actor
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.ports import Authenticator
from orderkeep.application.strict_json import InvalidJSON
from orderkeep.infrastructure.openid.keys import Fetch, KeyCache, ProviderKeys, fetch_document, load_keys
from orderkeep.infrastructure.openid.provider import OpenIdProvider, read_object

MAX_TOKEN_LENGTH = 8_192
LEEWAY = 30
"""Seconds by which the provider's clock may differ from ours."""

TOKEN_TYPES = ("at+jwt", "application/at+jwt", "jwt")
"""Accepted values of `typ` (RFC 9068). Identity tokens and logout tokens are signed with the same keys."""

FORBIDDEN_HEADERS = {"jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip", "cty"}
"""The first four bring or name a key, which a forger would choose. No extension in `crit` is implemented. The rest
declare a payload other than claims.
"""

TYPE_CLAIMS: dict[str, tuple[str, ...]] = {
    "token_use": ("access",),  # Cognito
    "typ": ("bearer", "at+jwt", "jwt"),  # Keycloak
    "events": (),  # a logout token or another notice
    "at_hash": (),  # an identity token
    "c_hash": (),
    "cnf": (),  # bound to a key; the proof of possession is not implemented
}
"""Claims that distinguish an access token from other tokens, with the values that one may have."""

MAX_VERIFIED, VERIFIED_SECONDS = 4_096, 300
"""How many verified tokens are cached, and for how long."""

log = logging.getLogger("orderkeep.openid")


class TokenRejected(Exception):
    """The token is invalid. The message names the rule, for the log, and contains nothing of the token."""


REJECTIONS = (TokenRejected, InvalidJSON, JoseError)
"""The exceptions for an invalid token."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """An access token that was verified. It is valid no longer than if it were verified again."""

    actor: Actor
    subject: str
    keys: ProviderKeys
    since: float
    expires: float


class OpenIdAuthenticator(Authenticator):
    """Authenticates by the tokens of one provider. Its keys are fetched with the first token, not at start-up."""

    def __init__(
        self,
        provider: OpenIdProvider,
        *,
        fetch: Fetch = fetch_document,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider, self._now = provider, now
        self._keys = KeyCache(partial(load_keys, provider, fetch), clock)
        self._claims = AccessTokenClaims(provider, now)
        self._verified: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    async def authenticate(self, token: str) -> Actor | None:
        """Return the actor, or None if the token contains no dot: then it is not a JWT."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidCredentials
        if "." not in token:
            return None
        try:
            return (await self.verify(token)).actor
        except REJECTIONS as error:
            log.debug("a token was refused", extra={"reason": reason_of(error)})
            raise InvalidCredentials from None

    async def close(self) -> None:
        await self._keys.close()

    async def verify(self, token: str) -> VerifiedToken:
        """Return the actor of an access token, and more. Raises one of `REJECTIONS`, `InvalidCredentials` if a claim of
        the actor is missing, and `AuthenticationUnavailable`.
        """
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()  # so that no token stays in memory
        known = self._verified.get(digest)
        if known is not None:
            keys, now = await self._keys.current(), self._now()
            if known.keys is keys and known.expires > now - LEEWAY and 0 <= now - known.since < VERIFIED_SECONDS:
                return known
        claims, keys = await self.signed_claims(token)
        self._claims.validate(claims)
        actor = self._provider.claims.actor_of(claims)
        self._verified.pop(digest, None)
        while len(self._verified) >= MAX_VERIFIED:
            self._verified.popitem(last=False)
        found = self._verified[digest] = VerifiedToken(actor, claims["sub"], keys, self._now(), claims["exp"])
        return found

    async def signed_claims(self, token: str) -> tuple[dict[str, Any], ProviderKeys]:
        """Return the claims of a token that the provider has signed, of any type and not validated, and its keys.
        Raises one of `REJECTIONS`, and `AuthenticationUnavailable`.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRejected("too long")
        key_id, algorithm = checked_header(token, self._provider.algorithms)
        key, keys = await self._keys.find(key_id, algorithm)
        if key is None:
            raise TokenRejected("unknown key id")
        return read_object(signed_payload(token, key, algorithm)), keys


def reason_of(error: Exception) -> str:
    """Return the rule that a rejected token violates, for the log. Only constants: the messages of joserfc and of the
    JSON reader may quote the token.
    """
    claim = f" {error.claim}" if isinstance(error, ClaimError) else ""
    return f"{error.error}{claim}" if isinstance(error, JoseError) else getattr(error, "code", str(error))


def checked_header(token: str, algorithms: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the key id, if any, and the algorithm in the header of a token. Raises `TokenRejected`."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRejected("not three parts")
    try:
        header = read_object(urlsafe_b64decode(parts[0].encode("ascii")))
    except ValueError:
        raise TokenRejected("the header is not JSON in base64url") from None
    if forbidden := FORBIDDEN_HEADERS & header.keys():
        raise TokenRejected(f"the header has {min(forbidden)}")
    if str(header.get("typ", "JWT")).lower() not in TOKEN_TYPES:
        raise TokenRejected("typ is not that of an access token")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRejected("alg is not configured")
    if "kid" in header and not isinstance(key_id, str):
        raise TokenRejected("kid is not text")
    return key_id, algorithm


def signed_payload(token: str, key: Key, algorithm: str) -> bytes:
    """Return the payload of a token that the key has signed. Raises `JoseError`.

    `jwt.decode` would parse it too, and accept UTF-16, NaN and duplicate keys.
    """
    registry = AllowedAlgorithms(algorithms=[algorithm], strict_check_header=False)
    try:
        return jws.deserialize_compact(token, key, registry=registry).payload
    except ValueError:
        raise TokenRejected("the token cannot be decoded") from None


class AllowedAlgorithms(jws.JWSRegistry):
    """Allows what it is given, without joserfc's warning that EdDSA is named Ed25519 now."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name] if name in (self.allowed or ()) else super().get_alg(name)


class AccessTokenClaims(JWTClaimsRegistry):
    """The claims of an access token: joserfc checks issuer, audience, subject and times."""

    def __init__(self, provider: OpenIdProvider, now: Callable[[], float]) -> None:
        super().__init__(
            now=lambda: int(now()),
            leeway=LEEWAY,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        self.max_lifetime = provider.max_lifetime

    def validate(self, claims: dict[str, Any]) -> None:
        """Raise `JoseError` if a claim is invalid, the lifetime is too long or negative, or the type is another."""
        super().validate(claims)
        expires, issued, start = claims["exp"], claims.get("iat"), claims.get("nbf", 0)
        if start < 0 or expires > self.now + self.max_lifetime + LEEWAY:
            raise InvalidClaimError("exp")
        if issued is not None and not 0 < expires - issued <= self.max_lifetime:
            raise InvalidClaimError("iat")
        for name, values in TYPE_CLAIMS.items():
            if name in claims and str(claims[name]).lower() not in values:
                raise InvalidClaimError(name)
