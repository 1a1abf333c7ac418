"""From the provider's name to its keys."""

from collections.abc import Callable

from orderkeep.application.openid_provider import OpenIdProvider, check_url
from orderkeep.infrastructure.openid_tokens.fetching import FetchFailed
from orderkeep.infrastructure.openid_tokens.keys import KeySet, read_key_set
from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused
from orderkeep.infrastructure.openid_tokens.strict_json import read_object

Fetch = Callable[[str], bytes]


def load_keys(provider: OpenIdProvider, fetch: Fetch) -> KeySet:
    """Return the provider's keys as they are now; blocks. Raises `FetchFailed`."""
    try:
        return read_key_set(fetch(provider.jwks_url or _jwks_url(provider, fetch)), provider.algorithms)
    except TokenRefused as error:
        raise FetchFailed(f"what it answers does not count: {error}") from error


def _jwks_url(provider: OpenIdProvider, fetch: Fetch) -> str:
    said = read_object(fetch(provider.discovery_url))
    url = said.get("jwks_uri")
    if said.get("issuer") != provider.issuer or not isinstance(url, str):
        raise FetchFailed("its discovery document is of another issuer, or names no keys")
    try:
        return check_url(url, plain_http_here=provider.issuer.startswith("http:"))
    except ValueError as error:
        raise FetchFailed("its discovery document names keys at no place they may come from") from error
