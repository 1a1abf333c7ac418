"""Who asks on Lambda, as API Gateway or a function URL found out before it called: nothing of it comes from the client.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from orderkeep.application.access.actor import Actor, ActorKind, Scope, scopes_in
from orderkeep.bootstrap.access import claims_mapping

if TYPE_CHECKING:
    from orderkeep.application.claims import ClaimsMapping
    from orderkeep.config import Settings

OWN_AUTHORIZER = "authorizer"
"""The issuer of what an authorizer of one's own says, which names none."""


def callers_of(settings: Settings) -> Callable[[MutableMapping[str, Any]], Actor | None]:
    """Return what tells from an ASGI scope who asks: staff whom IAM let in, with `iam_scopes`; or whom an authorizer's
    claims name, as those of a token do. None where nobody was asked, as behind a load balancer.
    """
    claims, iam_scopes = claims_mapping(settings), scopes_in(settings.iam_scopes)

    def caller_of(scope: MutableMapping[str, Any]) -> Actor | None:
        return caller_in(scope["aws.event"].get("requestContext") or {}, claims, iam_scopes)

    return caller_of


def caller_in(context: Mapping[str, Any], claims: ClaimsMapping, iam_scopes: frozenset[Scope]) -> Actor | None:
    """Return who asks, by an event's `requestContext`. Raises `NotAuthenticated` where an authorizer's claims name
    nobody.
    """
    found = context.get("authorizer") or {}
    # Payload format 2.0 has IAM's findings beside the others, a REST API among what it knows of the client.
    if arn := (found.get("iam") or {}).get("userArn") or (context.get("identity") or {}).get("userArn"):
        return Actor(ActorKind.STAFF, str(arn), iam_scopes)
    if "jwt" in found:
        return claims.actor_of(found["jwt"].get("claims") or {})
    if "claims" in found:  # of Cognito, at a REST API
        return claims.actor_of(found["claims"])
    if own := found.get("lambda") or found:
        said = {"iss": OWN_AUTHORIZER, "sub": own.get("principalId"), **own}
        return claims.actor_of({name: value for name, value in said.items() if value is not None})
    return None
