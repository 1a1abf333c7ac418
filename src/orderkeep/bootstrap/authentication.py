"""From the settings to what tells who asks, and what counts how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderkeep.bootstrap.access import api_key_authenticator

if TYPE_CHECKING:
    from orderkeep.application.access.authenticator import Authenticator
    from orderkeep.application.access.rate_limits import RateLimiter
    from orderkeep.application.claims import ClaimsMapping
    from orderkeep.application.ports import OrderStore
    from orderkeep.config import Settings

BURST_SECONDS = 2
"""How many seconds' worth of requests may come at once."""


class AuthenticationNotInstalled(ValueError):
    """The settings ask for a way of telling who asks whose package is not installed."""


def open_authenticators(settings: Settings, store: OrderStore) -> list[Authenticator]:
    """Return what knows the tokens that the settings name. Raises `AuthenticationNotInstalled`, and `StoreUnusable`
    where API keys are wanted of a store that keeps none.
    """
    found: list[Authenticator] = []
    if "keys" in settings.authentication:
        found.append(api_key_authenticator(store))
    if "jwt" in settings.authentication:
        found.append(_openid_tokens(settings))
    return found


def claims_mapping(settings: Settings) -> ClaimsMapping:
    """Return which claims of a verified token make an actor."""
    from orderkeep.application.claims import ClaimsMapping, scope_mapping

    return ClaimsMapping(settings.jwt_user_claim, settings.jwt_scopes_claim, scope_mapping(settings.jwt_scopes))


def open_rate_limiter(per_second: int) -> RateLimiter | None:
    """Return what counts requests in this process, or None where 0 sets no limit."""
    if not per_second:
        return None
    from orderkeep.infrastructure.token_buckets import TokenBuckets

    return TokenBuckets(per_second, per_second * BURST_SECONDS)


def _openid_tokens(settings: Settings) -> Authenticator:
    from orderkeep.application.openid_provider import OpenIdProvider, algorithms_in

    try:
        from orderkeep.infrastructure.openid_tokens import OpenIdTokens
    except ModuleNotFoundError as error:
        raise AuthenticationNotInstalled(
            "OpenID Connect tokens require an extra package: pip install 'orderkeep[jwt]'"
        ) from error
    return OpenIdTokens(
        OpenIdProvider(
            settings.jwt_issuer,
            settings.jwt_audience,
            settings.jwt_jwks_url,
            algorithms_in(settings.jwt_algorithms),
            claims_mapping(settings),
            settings.jwt_max_lifetime_seconds,
        )
    )
