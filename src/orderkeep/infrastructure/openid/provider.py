"""An OpenID provider as configured, and the mapping of claims to actors, which a gateway on AWS needs as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.limits import MAX_USER_ID_LENGTH
from orderkeep.domain.value_objects import check_text

MAX_IDENTITY_LENGTH = 255
"""Characters of an issuer, and of a subject (OpenID Connect Core 1.0, section 2)."""


@dataclass(frozen=True, slots=True)
class ClaimsMapping:
    """Maps verified claims to an actor. A dotted name, such as `realm_access.roles`, is a claim inside a claim."""

    user_claim: str = "sub"
    """The claim with the `user_id` of a customer's orders."""

    scopes_claim: str = "scope"
    """The claim that lists the permissions of staff, in the provider's terms."""

    scopes: Mapping[str, frozenset[Scope]] = field(default_factory=dict)
    """The scopes that each of the provider's terms grants. Terms that are not listed grant none."""

    def actor_of(self, claims: Mapping[str, object]) -> Actor:
        """Return a staff actor, identified by issuer and subject, if any of the scopes is mapped; otherwise the
        customer in the user claim. Raises `InvalidCredentials` if a claim is missing or malformed.
        """
        issuer, subject = _text(claims.get("iss")), _text(claims.get("sub"))
        scopes = {scope for term in _terms(_claim(claims, self.scopes_claim)) for scope in self.scopes.get(term, ())}
        if scopes:
            # An issuer contains no # (OpenID Connect Discovery 1.0), so the pair is unambiguous.
            return Actor(ActorKind.STAFF, f"{issuer}#{subject}", frozenset(scopes))
        user = _claim(claims, self.user_claim)
        # Gateways pass numbers as text, so both are the same user.
        return Actor(ActorKind.CUSTOMER, _text(str(user) if type(user) is int else user, MAX_USER_ID_LENGTH))


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """The trusted provider and the rules for its tokens. `Settings` has checked the values."""

    issuer: str
    audience: str
    jwks_url: str = ""
    """The URL of the provider's keys; if empty, the one in its discovery document."""

    algorithms: tuple[str, ...] = ("RS256",)
    claims: ClaimsMapping = field(default_factory=ClaimsMapping)
    max_lifetime: int = 86_400
    """The longest accepted lifetime of a token, in seconds."""

    @property
    def discovery_url(self) -> str:
        """The URL of the discovery document (OpenID Connect Discovery 1.0, section 4)."""
        return self.issuer.rstrip("/") + "/.well-known/openid-configuration"


def read_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object of a token or a document. Raises `InvalidJSON`."""
    found = read_json(text)
    if not isinstance(found, dict):
        raise InvalidJSON("is not a JSON object")
    return found


def _claim(claims: Mapping[str, object], name: str) -> object:
    """Return a claim by its name, which may contain dots, or else by the path that the dots make of the name."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _terms(claim: object) -> list[str]:
    if claim is None:
        return []
    if isinstance(claim, str):
        # API Gateway passes a list as the text [one two].
        return (claim[1:-1] if claim[:1] + claim[-1:] == "[]" else claim).split(" ")
    if isinstance(claim, list) and all(isinstance(term, str) for term in claim):
        return claim
    raise InvalidCredentials


def _text(claim: object, max_length: int = MAX_IDENTITY_LENGTH) -> str:
    if not isinstance(claim, str):
        raise InvalidCredentials
    try:
        check_text(claim, "", max_length)
    except InvalidInput:
        raise InvalidCredentials from None
    return claim
