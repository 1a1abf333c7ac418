"""Who asks, from the claims of a token that somebody has verified."""

from typing import Any

import pytest

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind, Scope
from orderkeep.application.claims import ClaimsMapping, scope_mapping
from orderkeep.application.errors import NotAuthenticated

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
def test_staff_have_what_their_scopes_are_worth_here(claim: object, scopes: frozenset[Scope]) -> None:
    assert actor_of(scope=claim) == Actor(ActorKind.STAFF, "https://login.example.com/#abc-1", frozenset(scopes))


@pytest.mark.parametrize("claim", ["", "openid", [], "[]", "orders:read admin", "shop.readx", "SHOP.READ", None])
def test_who_has_no_scope_that_counts_is_a_customer(claim: object) -> None:
    assert actor_of(scope=claim) == Actor(ActorKind.CUSTOMER, "abc-1")


def test_nobody_is_staff_where_no_scope_is_mapped() -> None:
    assert actor_of(ClaimsMapping(), scope=" ".join(EVERY_SCOPE)).kind is ActorKind.CUSTOMER


@pytest.mark.parametrize("claim", [7, True, {"shop.read": 1}, ["shop.read", None], [["shop.read"]]])
def test_scopes_that_are_no_words_are_refused_and_not_taken_for_none(claim: object) -> None:
    with pytest.raises(NotAuthenticated):
        actor_of(scope=claim)


def test_a_claim_inside_a_claim_is_named_with_dots_and_one_whose_name_has_dots_as_it_is() -> None:
    mapping = ClaimsMapping("shop.customer", "realm_access.roles", SCOPES)
    assert actor_of(mapping, realm_access={"roles": ["boss"]}).scopes == {Scope.ADMIN}
    assert actor_of(mapping, shop={"customer": "C-7"}, realm_access={"roles": []}).id == "C-7"
    both: dict[str, Any] = {"shop.customer": "C-8", "shop": {"customer": "C-7"}}
    assert actor_of(mapping, **both).id == "C-8"
    assert actor_of(mapping, shop={"customer": "C-7"}, realm_access=["boss"]).kind is ActorKind.CUSTOMER


@pytest.mark.parametrize("claim", [4711, "4711"], ids=repr)
def test_a_customers_number_is_the_same_as_number_and_as_text(claim: object) -> None:
    assert actor_of(ClaimsMapping("customer"), customer=claim) == Actor(ActorKind.CUSTOMER, "4711")


@pytest.mark.parametrize("claim", [None, "", " ", True, 1.5, ["abc"], {"id": 1}, "a\nb", "\ud800", "u" * 129])
def test_a_customer_without_a_user_id_that_an_order_could_have_is_nobody(claim: object) -> None:
    with pytest.raises(NotAuthenticated):
        actor_of(ClaimsMapping("customer"), customer=claim)
    with pytest.raises(NotAuthenticated):
        actor_of(ClaimsMapping("another"), customer="C-7")


@pytest.mark.parametrize("name", ["iss", "sub"])
@pytest.mark.parametrize("claim", [None, "", 7, True, ["abc"], "a\x00b", "u" * 256], ids=ascii)
def test_staff_without_issuer_or_subject_are_nobody(name: str, claim: Any) -> None:
    with pytest.raises(NotAuthenticated):
        actor_of(scope="boss", **{name: claim})


@pytest.mark.parametrize(
    "text", ["shop.read", "=orders:read", "shop.read=", "shop.read=orders:all", "a=b=c", "a = admin"]
)
def test_a_mapping_that_names_no_scope_of_ours_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"such as shop\.read=orders:read, with one of orders:read, .*, admin after each ="
    ):
        scope_mapping(text)


def test_a_scope_of_the_providers_may_be_a_url_with_an_equals_sign() -> None:
    assert scope_mapping("https://shop.example/?may=read=orders:read") == {"https://shop.example/?may=read": READER}
    assert scope_mapping("") == {}
