"""The tests' OpenID provider: its keys, its tokens, and an authenticator that trusts it."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from orderkeep.application.access.actor import Scope
from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator
from orderkeep.infrastructure.openid.provider import ClaimsMapping, OpenIdProvider

NOW = 1_800_000_000
ISSUER = "https://login.example.com/shop"
AUDIENCE = "https://orders.example.com"
JWKS_URL = "https://login.example.com/shop/keys"

Changes = Mapping[str, Any]
LEFT_OUT = object()
"""The value of a claim or header parameter to leave out."""

CLAIMS: Changes = {
    "iss": ISSUER,
    "sub": "user-42",
    "aud": AUDIENCE,
    "iat": NOW - 60,
    "nbf": NOW - 55,
    "exp": NOW + 600,
    "scope": "shop.read profile",
}

MAPPING = ClaimsMapping(scopes={"shop.read": frozenset({Scope.READ}), "shop.write": frozenset({Scope.WRITE})})


@cache
def key_of(algorithm: str, number: int = 1) -> Key:
    """A private key that signs with the algorithm; another for each number."""
    match algorithm[:2]:
        case "RS" | "PS":
            return rsa_key(2048, number)
        case "ES":
            curve: Any = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
            return ECKey.generate_key(curve)
        case _:
            return OKPKey.generate_key("Ed448" if algorithm == "Ed448" else "Ed25519")


@cache
def rsa_key(bits: int, number: int = 1) -> RSAKey:
    return RSAKey.generate_key(bits)


def encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


def as_json(changed: Changes) -> bytes:
    return json.dumps({name: value for name, value in changed.items() if value is not LEFT_OUT}).encode()


def signature_of(text: str, algorithm: str, key: Key | bytes) -> bytes:
    """Sign by a key, or by HMAC with bytes, which joserfc would not accept from a public key."""
    if isinstance(key, bytes):
        return hmac.digest(key, text.encode(), f"sha{algorithm[2:]}")
    return JWSRegistry.algorithms[algorithm].sign(text.encode(), key)


def signed(header: bytes, payload: bytes, *, algorithm: str = "RS256", key: Key | bytes | None = None) -> str:
    """A token of exactly these bytes, with a valid signature."""
    text = f"{encoded(header)}.{encoded(payload)}"
    return f"{text}.{encoded(signature_of(text, algorithm, key or key_of(algorithm)))}"


def token(
    claims: Changes | None = None,
    header: Changes | None = None,
    *,
    algorithm: str = "RS256",
    key: Key | bytes | None = None,
) -> str:
    """A token as the provider issues it, with changes made before it is signed."""
    said = {"alg": algorithm, "typ": "at+jwt", "kid": f"{algorithm} 1", **(header or {})}
    return signed(as_json(said), as_json({**CLAIMS, **(claims or {})}), algorithm=algorithm, key=key)


def published(key: Key, key_id: str | None, **more: Any) -> dict[str, Any]:
    """A key as a JWKS has it."""
    described: dict[str, Any] = {**key.as_dict(private=False), "use": "sig", **more}
    return described if key_id is None else described | {"kid": key_id}


def jwks(*keys: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def provider(algorithm: str = "RS256", **more: Any) -> OpenIdProvider:
    settings = {"jwks_url": JWKS_URL, "algorithms": (algorithm,), "claims": MAPPING, **more}
    return OpenIdProvider(ISSUER, AUDIENCE, **settings)


def trusting(
    keys: bytes, algorithm: str = "RS256", now: Callable[[], float] = lambda: NOW, **more: Any
) -> OpenIdAuthenticator:
    """An authenticator whose provider publishes these keys."""
    return OpenIdAuthenticator(provider(algorithm, **more), fetch=lambda _: keys, now=now)


def logged_in(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the event and the reason of each line."""
    return [(record.message, record.__dict__["reason"]) for record in caplog.records]
