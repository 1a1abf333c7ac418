"""What is trusted of an OpenID provider: who it is, where its keys are, and which of its tokens are meant for us."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from orderkeep.application.access.loopback import is_loopback
from orderkeep.application.claims import ClaimsMapping

ALGORITHM_FAMILIES = (
    ("RS256", "RS384", "RS512"),
    ("PS256", "PS384", "PS512"),
    ("ES256", "ES384", "ES512"),
    ("EdDSA", "Ed25519"),
)
"""The signatures that count; a deployment has those of one line. All are made with a key that only the provider has:
with HS256 whoever can verify can sign, and `none` is no signature.
"""

_URL = re.compile(
    r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!$-;=@-Z_a-z~]*)?(\?[!$-;=?-Z_a-z~]*)?"
)


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """A provider, and what a token of it must be to count here. Raises `ValueError` where it cannot be trusted so."""

    issuer: str
    audience: str
    jwks_url: str = ""
    """Where the provider's keys are; as its discovery document says where that is empty."""

    algorithms: tuple[str, ...] = ("RS256",)
    claims: ClaimsMapping = field(default_factory=ClaimsMapping)
    max_lifetime: int = 86_400
    """The seconds from a token's making to its end, at most."""

    def __post_init__(self) -> None:
        check_issuer(self.issuer)
        check_audience(self.audience)
        if self.jwks_url:
            check_url(self.jwks_url)
        algorithms_in(" ".join(self.algorithms))

    @property
    def discovery_url(self) -> str:
        """Where the provider says of itself what it has (OpenID Connect Discovery 1.0, section 4)."""
        return self.issuer.rstrip("/") + "/.well-known/openid-configuration"


def check_issuer(url: str) -> str:
    """Return the issuer, which has no query. Raises `ValueError`."""
    if "?" in check_url(url):
        raise ValueError("must have no ? in it")
    return url


def check_audience(name: str) -> str:
    """Return what our API is called at the provider. Raises `ValueError`."""
    if not 0 < len(name) <= 255 or not name.isprintable() or name != name.strip():
        raise ValueError(
            "must be what the provider calls this API: 1 to 255 characters, none of them at the ends a space"
        )
    return name


def check_url(url: str, *, plain_http_here: bool = True) -> str:
    """Return a URL that keys may come from: over TLS, or over HTTP from this machine. Raises `ValueError`."""
    host = _host_in(url)
    if host is None:
        raise ValueError("must be a URL such as https://login.example.com/shop, without a password and without a #")
    if url.startswith("http:") and not (plain_http_here and is_loopback(host)):
        raise ValueError("must begin with https://: over http, anybody on the way could put in keys of their own")
    return url


def algorithms_in(text: str) -> tuple[str, ...]:
    """Return the algorithms that a text such as `ES256 ES384` names. Raises `ValueError`."""
    names = tuple(text.replace(",", " ").split())
    if not names or not any(set(names) <= set(family) for family in ALGORITHM_FAMILIES):
        families = "; ".join(", ".join(family) for family in ALGORITHM_FAMILIES)
        raise ValueError(f"must be one or more of one of these families: {families}")
    return names


def _host_in(url: str) -> str | None:
    if not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts.hostname
    except ValueError:
        return None
