"""Authentication on Lambda: the caller is the one whom API Gateway or a function URL authenticated."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.errors import InvalidCredentials
from orderkeep.bootstrap.access import claims_mapping
from orderkeep.config import Settings
from tests.entrypoints.lambda_calls import KINDS, Request, http_api, load_balancer
from tests.entrypoints.lambda_containers import Context, call, container

ACTOR_OF = claims_mapping(Settings(jwt_scopes="shop.ship=orders:ship")).actor_of
ARN = "arn:aws:sts::123456789012:assumed-role/shop/anna"
ISSUER = "https://login.example.com"

CALLERS: dict[str, tuple[dict[str, Any], Actor | None]] = {
    "IAM at an HTTP API": (
        {"authorizer": {"iam": {"userArn": ARN, "accountId": "123456789012"}}},
        Actor(ActorKind.STAFF, ARN, frozenset({Scope.READ})),
    ),
    "IAM at a REST API": ({"identity": {"userArn": ARN}}, Actor(ActorKind.STAFF, ARN, frozenset({Scope.READ}))),
    "a token at an HTTP API, of staff": (
        {
            "authorizer": {
                "jwt": {"claims": {"iss": ISSUER, "sub": "anna", "scope": "openid shop.ship"}, "scopes": None}
            }
        },
        Actor(ActorKind.STAFF, f"{ISSUER}#anna", frozenset({Scope.SHIP})),
    ),
    "a token at an HTTP API, of a customer": (
        {"authorizer": {"jwt": {"claims": {"iss": ISSUER, "sub": "user-7"}, "scopes": None}}},
        Actor(ActorKind.CUSTOMER, "user-7"),
    ),
    "Cognito at a REST API": (
        {"authorizer": {"claims": {"iss": ISSUER, "sub": "user-7"}}},
        Actor(ActorKind.CUSTOMER, "user-7"),
    ),
    "a custom authorizer at an HTTP API": (
        {"authorizer": {"lambda": {"sub": "anna", "scope": "shop.ship"}}},
        Actor(ActorKind.STAFF, "authorizer#anna", frozenset({Scope.SHIP})),
    ),
    "a custom authorizer at a REST API": (
        {"authorizer": {"principalId": "user-7", "integrationLatency": 12}},
        Actor(ActorKind.CUSTOMER, "user-7"),
    ),
    "no authorization": ({"identity": {"userArn": None}}, None),
    "no authorization at a function URL": ({"authentication": None}, None),
    "a load balancer": ({"elb": {"targetGroupArn": "arn:aws:…"}}, None),
}


@pytest.fixture
def lambda_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with container(monkeypatch, ORDERKEEP_STORE="memory://") as module:
        yield module


@pytest.mark.parametrize("context, actor", CALLERS.values(), ids=CALLERS)
def test_the_caller_is_the_one_whom_aws_authenticated(
    lambda_handler: ModuleType, context: dict[str, Any], actor: Actor | None
) -> None:
    assert lambda_handler.caller_in(context, ACTOR_OF, frozenset({Scope.READ})) == actor


@pytest.mark.parametrize(
    "found",
    [
        {"jwt": {"claims": {}}},
        {"jwt": {}},
        {"claims": {"sub": ["user-7"], "iss": ISSUER}},
        {"lambda": {"scope": "shop.ship"}},
        {"lambda": {"sub": ""}},
        {"integrationLatency": 12},
    ],
)
def test_claims_without_a_caller_are_rejected(lambda_handler: ModuleType, found: dict[str, Any]) -> None:
    with pytest.raises(InvalidCredentials):
        lambda_handler.caller_in({"authorizer": found}, ACTOR_OF, frozenset({Scope.READ}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_without_authorization_is_rejected(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with container(monkeypatch, ORDERKEEP_STORE="memory://") as module:
        event = unauthorized(KINDS[kind](Request("GET", "/orders", (("X-Forwarded-User", "admin"),))))
        answer = _sent(module, event)
        assert (answer["statusCode"], "not_authenticated" in answer["body"]) == (401, True)


def test_an_authorizer_is_ignored_unless_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    with container(monkeypatch, ORDERKEEP_STORE="memory://", ORDERKEEP_AUTH="keys") as module:
        assert call(module, http_api(Request("GET", "/orders"))).status == 401


def test_a_key_authenticates_behind_a_load_balancer(monkeypatch: pytest.MonkeyPatch) -> None:
    with container(monkeypatch, ORDERKEEP_STORE="memory://") as module:
        assert call(module, load_balancer(Request("GET", "/orders"))).status == 200


def test_iam_callers_have_the_configured_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    with container(monkeypatch, ORDERKEEP_STORE="memory://", ORDERKEEP_IAM_SCOPES="orders:read") as module:
        assert call(module, http_api(Request("GET", "/orders"))).status == 200
        assert call(module, http_api(Request("DELETE", "/orders/order-1"))).status == 403


def unauthorized(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event of an API without an authorizer."""
    context = {name: value for name, value in event["requestContext"].items() if name != "authorizer"}
    if "identity" in context:
        context["identity"] = {**context["identity"], "userArn": None}
    return {**event, "requestContext": context}


def _sent(module: ModuleType, event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = module.handler(event, Context())
    return answer
