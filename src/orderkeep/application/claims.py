"""Who asks, read from the claims of a token that was verified: by our own adapter, or by a gateway in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.errors import NotAuthenticated
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.limits import MAX_USER_ID_LENGTH
from orderkeep.domain.validation import check_text

MAX_IDENTITY_LENGTH = 255
"""Characters of an issuer and of a subject (OpenID Connect gives a subject no more)."""


@dataclass(frozen=True, slots=True)
class ClaimsMapping:
    """Which claims make an actor. A claim inside a claim is named with dots, such as `realm_access.roles`."""

    user_claim: str = "sub"
    """The claim that is the `user_id` of a customer's orders."""

    scopes_claim: str = "scope"
    """The claim that lists what its holder may do, in the provider's words."""

    scopes: Mapping[str, frozenset[Scope]] = field(default_factory=dict)
    """What each of the provider's words is worth here. A word that is not in it is worth nothing."""

    def actor_of(self, claims: Mapping[str, object]) -> Actor:
        """Return the holder: staff, known by issuer and subject together, where any of their scopes counts here; else
        the customer that the user claim names. Raises `NotAuthenticated` where a claim is missing or is no such thing.
        """
        issuer, subject = _text(claims.get("iss")), _text(claims.get("sub"))
        scopes = {scope for word in _words(_claim(claims, self.scopes_claim)) for scope in self.scopes.get(word, ())}
        if scopes:
            # No issuer has a # in it (OpenID Connect Discovery), so that the two are told apart.
            return Actor(ActorKind.STAFF, f"{issuer}#{subject}", frozenset(scopes))
        return Actor(ActorKind.CUSTOMER, _user_id(_claim(claims, self.user_claim)))


def scope_mapping(text: str) -> dict[str, frozenset[Scope]]:
    """Return what a text such as `shop.read=orders:read shop.admin=admin` says. A word may stand in it twice, with
    another scope each time. Raises `ValueError`.
    """
    found: dict[str, frozenset[Scope]] = {}
    for pair in text.split():
        theirs, _, ours = pair.rpartition("=")
        if not theirs or ours not in list(Scope):
            known = ", ".join(Scope)
            raise ValueError(f"must be pairs such as shop.read=orders:read, with one of {known} after each =")
        found[theirs] = found.get(theirs, frozenset()) | {Scope(ours)}
    return found


def _claim(claims: Mapping[str, object], name: str) -> object:
    """Return a claim by its name, which may have dots itself, or else by the path that the dots make of it."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _words(claim: object) -> list[str]:
    if claim is None:
        return []
    if isinstance(claim, str):
        # A gateway of Amazon's hands a list on as the text [one two].
        return (claim[1:-1] if claim[:1] + claim[-1:] == "[]" else claim).split(" ")
    if isinstance(claim, list) and all(isinstance(word, str) for word in claim):
        return claim
    raise NotAuthenticated


def _user_id(claim: object) -> str:
    if type(claim) is int:  # a gateway hands the same number on as a text
        claim = str(claim)
    return _text(claim, MAX_USER_ID_LENGTH)


def _text(claim: object, longest: int = MAX_IDENTITY_LENGTH) -> str:
    if not isinstance(claim, str):
        raise NotAuthenticated
    try:
        check_text(claim, "", longest)
    except InvalidInput:
        raise NotAuthenticated from None
    return claim
