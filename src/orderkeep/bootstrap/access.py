"""Builds the authenticators and the rate limiter from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from orderkeep.application.access.api_keys import ApiKeyStore
from orderkeep.application.access.openid_sign_in import SignInProvider
from orderkeep.application.ports import Authenticator, OrderStore, RateLimiter
from orderkeep.bootstrap.stores import ExtraNotInstalled
from orderkeep.domain.exceptions import StoreUnusable

if TYPE_CHECKING:  # imported inside the functions: the command line authenticates no request, and starts faster without
    from orderkeep.config import Settings
    from orderkeep.infrastructure.openid.provider import ClaimsMapping, OpenIdProvider

BURST_SECONDS = 2
"""A burst may use the requests of this many seconds at once."""


@runtime_checkable
class KeepsApiKeys(Protocol):
    """An order store that stores API keys too. Not every store does."""

    def api_keys(self) -> ApiKeyStore:
        """Return the API key store, which is open as long as the order store."""


def api_keys_of(store: OrderStore) -> ApiKeyStore:
    """Return the API keys of the store. Raises `StoreUnusable` if it does not support API keys."""
    if not isinstance(store, KeepsApiKeys):
        raise StoreUnusable("this store does not support API keys")
    return store.api_keys()


def open_authenticators(settings: Settings, store: OrderStore) -> list[Authenticator]:
    """Return the enabled authenticators. Raises `ExtraNotInstalled`, and like `api_keys_of`."""
    found: list[Authenticator] = []
    if "keys" in settings.authentication:
        from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator

        found.append(ApiKeyAuthenticator(api_keys_of(store)))
    if "jwt" in settings.authentication:
        try:
            from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator
        except ModuleNotFoundError as error:
            raise ExtraNotInstalled("OpenID Connect", "jwt") from error
        found.append(OpenIdAuthenticator(_openid_provider(settings)))
    return found


def open_sign_in(settings: Settings, authenticators: Sequence[Authenticator]) -> SignInProvider | None:
    """Return the OpenID provider for sign-in to the console, or None without its settings. `authenticators` are those
    of the same settings.
    """
    if "jwt" not in settings.authentication or not settings.oidc_client_id:
        return None
    from orderkeep.config import parameters_in, secret_in
    from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator
    from orderkeep.infrastructure.openid.sign_in import OpenIdClient, OpenIdSignIn

    [authenticator] = [each for each in authenticators if isinstance(each, OpenIdAuthenticator)]
    client = OpenIdClient(
        settings.oidc_client_id,
        settings.openid_redirect_uri,
        settings.oidc_scopes,
        parameters_in(settings.oidc_parameters),
        secret_in(settings.oidc_client_secret_file) if settings.oidc_client_secret_file else "",
    )
    return OpenIdSignIn(_openid_provider(settings), client, authenticator)


def _openid_provider(settings: Settings) -> OpenIdProvider:
    from orderkeep.config import algorithms_in
    from orderkeep.infrastructure.openid.provider import OpenIdProvider

    return OpenIdProvider(
        settings.jwt_issuer,
        settings.jwt_audience,
        settings.jwt_jwks_url,
        algorithms_in(settings.jwt_algorithms),
        claims_mapping(settings),
        settings.jwt_max_lifetime_seconds,
    )


def claims_mapping(settings: Settings) -> ClaimsMapping:
    """Return the mapping of verified claims to actors: of a token, or from an authorizer on Lambda."""
    from orderkeep.config import scope_mapping
    from orderkeep.infrastructure.openid.provider import ClaimsMapping

    return ClaimsMapping(settings.jwt_user_claim, settings.jwt_scopes_claim, scope_mapping(settings.jwt_scopes))


def open_rate_limiter(per_second: int) -> RateLimiter | None:
    """Return an in-process rate limiter, or None for 0, which means no limit."""
    if not per_second:
        return None
    from orderkeep.infrastructure.token_buckets import TokenBuckets

    return TokenBuckets(per_second, per_second * BURST_SECONDS)
