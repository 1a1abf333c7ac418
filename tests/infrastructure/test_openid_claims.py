"""The mapping of verified claims to an actor."""

from typing import Any

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind, Scope
from orderkeep.application.errors import InvalidCredentials
from orderkeep.config import scope_mapping
from orderkeep.infrastructure.openid.provider import ClaimsMapping

ISSUER = "https://login.example.com/"
SCOPES = scope_mapping("shop.read=orders:read shop.staff=orders:write shop.staff=orders:ship boss=admin")
READER = frozenset({Scope.READ})


def actor_of(mapping: ClaimsMapping | None = None, **claims: Any) -> Actor:
    return (mapping or ClaimsMapping(scopes=SCOPES)).actor_of({"iss": ISSUER, "sub": "abc-1", **claims})


@pytest.mark.parametrize(
    "claim, scopes",
    [
        ("shop.read", READER),
        ("openid shop.read  email", READER),
        ("[openid shop.read]", READER),
        (["shop.read", "boss"], {Scope.READ, Scope.ADMIN}),
        ("shop.staff", {Scope.WRITE, Scope.SHIP}),
    ],
)
def test_staff_get_the_scopes_that_theirs_are_mapped_to(claim: object, scopes: frozenset[Scope]) -> None:
    assert actor_of(scope=claim) == Actor(ActorKind.STAFF, "https://login.example.com/#abc-1", frozenset(scopes))


@pytest.mark.parametrize("claim", ["", "openid", [], "[]", "orders:read admin", "shop.readx", "SHOP.READ", None])
def test_caller_without_a_mapped_scope_is_a_customer(claim: object) -> None:
    assert actor_of(scope=claim) == Actor(ActorKind.CUSTOMER, "abc-1")


def test_without_a_mapping_every_caller_is_a_customer() -> None:
    assert actor_of(ClaimsMapping(), scope=" ".join(EVERY_SCOPE)).kind is ActorKind.CUSTOMER


@pytest.mark.parametrize("claim", [7, True, {"shop.read": 1}, ["shop.read", None], [["shop.read"]]])
def test_malformed_scopes_are_rejected(claim: object) -> None:
    with pytest.raises(InvalidCredentials):
        actor_of(scope=claim)


def test_dotted_name_is_a_nested_claim_or_a_claim_of_that_name() -> None:
    mapping = ClaimsMapping("shop.customer", "realm_access.roles", SCOPES)
    assert actor_of(mapping, realm_access={"roles": ["boss"]}).scopes == {Scope.ADMIN}
    assert actor_of(mapping, shop={"customer": "C-7"}, realm_access={"roles": []}).id == "C-7"
    both: dict[str, Any] = {"shop.customer": "C-8", "shop": {"customer": "C-7"}}
    assert actor_of(mapping, **both).id == "C-8"
    assert actor_of(mapping, shop={"customer": "C-7"}, realm_access=["boss"]).kind is ActorKind.CUSTOMER


@pytest.mark.parametrize("claim", [4711, "4711"], ids=repr)
def test_user_id_may_be_a_number_or_its_text(claim: object) -> None:
    assert actor_of(ClaimsMapping("customer"), customer=claim) == Actor(ActorKind.CUSTOMER, "4711")


@pytest.mark.parametrize("claim", [None, "", " ", True, 1.5, ["abc"], {"id": 1}, "a\nb", "\ud800", "u" * 129])
def test_customer_without_a_valid_user_id_is_rejected(claim: object) -> None:
    with pytest.raises(InvalidCredentials):
        actor_of(ClaimsMapping("customer"), customer=claim)
    with pytest.raises(InvalidCredentials):
        actor_of(ClaimsMapping("another"), customer="C-7")


@pytest.mark.parametrize("name", ["iss", "sub"])
@pytest.mark.parametrize("claim", [None, "", 7, True, ["abc"], "a\x00b", "u" * 256], ids=ascii)
def test_staff_without_issuer_or_subject_are_rejected(name: str, claim: Any) -> None:
    with pytest.raises(InvalidCredentials):
        actor_of(scope="boss", **{name: claim})
