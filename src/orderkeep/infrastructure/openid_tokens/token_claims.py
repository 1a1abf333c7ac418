"""What a token claims, once it is proven who signed it: whether it is for us, for now, and meant to be shown to us."""

from typing import Any

from orderkeep.application.openid_provider import OpenIdProvider
from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused

LEEWAY = 30
"""Seconds that our clock and the provider's may differ."""

OF_OTHER_TOKENS = {
    "events": "a logout token or another notice",
    "at_hash": "an identity token",
    "c_hash": "an identity token",
    "cnf": "bound to a key whose proof is not asked for here",
}
"""Claims that no token has which may be shown to an API by whoever holds it, and what has them."""

ACCESS = {"token_use": ("access",), "typ": ("bearer", "at+jwt", "jwt")}
"""What providers call an access token, inside of it: Cognito in `token_use`, Keycloak in `typ`."""


def check_claims(claims: dict[str, Any], provider: OpenIdProvider, now: float) -> int:
    """Return when the token ends, in seconds since 1970. Raises `TokenRefused` where it does not count now, or here."""
    if claims.get("iss") != provider.issuer:
        raise TokenRefused("of another issuer")
    _check_audience(claims.get("aud"), provider.audience)
    _check_purpose(claims)
    return _check_times(claims, provider.max_lifetime, now)


def _check_audience(claim: object, ours: str) -> None:
    audiences = [claim] if isinstance(claim, str) else claim
    if not isinstance(audiences, list) or not all(isinstance(each, str) for each in audiences):
        raise TokenRefused("aud is not a name or a list of names")
    if ours not in audiences:
        raise TokenRefused("for another audience")


def _check_purpose(claims: dict[str, Any]) -> None:
    for name, what in OF_OTHER_TOKENS.items():
        if name in claims:
            raise TokenRefused(what)
    for name, kinds in ACCESS.items():
        if name in claims and str(claims[name]).lower() not in kinds:
            raise TokenRefused(f"{name} says that it is no access token")


def _check_times(claims: dict[str, Any], max_lifetime: int, now: float) -> int:
    end, made, start = (_instant(claims, name) for name in ("exp", "iat", "nbf"))
    if end is None:
        raise TokenRefused("no end")
    if end <= now - LEEWAY:
        raise TokenRefused("expired")
    if max(made or 0, start or 0) > now + LEEWAY:
        raise TokenRefused("from the future")
    if end > now + max_lifetime + LEEWAY or (made is not None and not 0 < end - made <= max_lifetime):
        raise TokenRefused("lives too long, or ends before it was made")
    return end


def _instant(claims: dict[str, Any], name: str) -> int | None:
    if name not in claims:
        return None
    seconds = claims[name]
    if type(seconds) is not int or seconds < 0:  # true and 1.5 are no instants, "1700000000" neither
        raise TokenRefused(f"{name} is no whole number of seconds")
    return seconds
