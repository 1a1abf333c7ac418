"""Authentication and rate limits, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderkeep.application.authentication import Authenticator
from orderkeep.application.ports import OrderStore
from orderkeep.application.rate_limits import RateLimiter
from orderkeep.bootstrap.api_keys import api_key_authenticator
from orderkeep.infrastructure.openid.provider import ClaimsMapping, OpenIdProvider

if TYPE_CHECKING:
    from orderkeep.config import Settings  # pydantic-settings takes long to import, and the CLI does without

BURST_SECONDS = 2
"""The requests of this many seconds may arrive at once."""


class AuthenticationNotInstalled(ValueError):
    """The settings name an authentication method whose package is not installed."""


def open_authenticators(settings: Settings, store: OrderStore) -> list[Authenticator]:
    """Return an authenticator for each method in the settings. Raises `AuthenticationNotInstalled`, and
    `StoreUnusable` for API keys if the store does not keep any.
    """
    found: list[Authenticator] = []
    if "keys" in settings.authentication:
        found.append(api_key_authenticator(store))
    if "jwt" in settings.authentication:
        found.append(_openid_tokens(settings))
    return found


def claims_mapping(settings: Settings) -> ClaimsMapping:
    """Return the mapping of verified claims to actors: of a token, or from an authorizer on Lambda."""
    from orderkeep.config import scope_mapping  # see above

    return ClaimsMapping(settings.jwt_user_claim, settings.jwt_scopes_claim, scope_mapping(settings.jwt_scopes))


def open_rate_limiter(per_second: int) -> RateLimiter | None:
    """Return a limiter for this process, or None if the limit is 0."""
    if not per_second:
        return None
    from orderkeep.infrastructure.token_buckets import TokenBuckets

    return TokenBuckets(per_second, per_second * BURST_SECONDS)


def _openid_tokens(settings: Settings) -> Authenticator:
    from orderkeep.config import algorithms_in  # see above

    try:
        from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator
    except ModuleNotFoundError as error:
        raise AuthenticationNotInstalled(
            "tokens of an OpenID provider need a package that is not installed: pip install 'orderkeep[jwt]'"
        ) from error
    return OpenIdAuthenticator(
        OpenIdProvider(
            settings.jwt_issuer,
            settings.jwt_audience,
            settings.jwt_jwks_url,
            algorithms_in(settings.jwt_algorithms),
            claims_mapping(settings),
            settings.jwt_max_lifetime_seconds,
        )
    )
