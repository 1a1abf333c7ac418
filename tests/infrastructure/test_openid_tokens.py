"""Which tokens of an OpenID provider count, and the many that do not."""

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.errors import NotAuthenticated
from orderkeep.infrastructure.openid_tokens import OpenIdTokens
from orderkeep.infrastructure.openid_tokens.refusal import TokenRefused
from orderkeep.infrastructure.openid_tokens.signatures import signed_bytes
from tests.infrastructure import openid_damages, openid_forgeries
from tests.infrastructure.openid_controls import CONTROLS, SUPPORTED
from tests.infrastructure.openid_samples import ISSUER, LEFT_OUT, jwks, key_of, published, token, trusting
from tests.infrastructure.openid_scripted import ScriptedProvider

pytestmark = pytest.mark.filterwarnings(openid_forgeries.WEAK)


ONE_KEY = jwks(published(key_of("RS256"), "RS256 1"))


@pytest.fixture(scope="module", name="forged")
def forged_tokens() -> dict[str, dict[str, str]]:
    """Tokens that must not count, by the algorithm that is configured, and by what each is."""
    forgeries, damages = openid_forgeries, openid_damages
    tables = {
        "RS256": (
            *(forgeries.of_algorithms, forgeries.of_keys, forgeries.of_headers),
            *(damages.of_forms, damages.of_json, damages.of_claims),
        ),
        "ES256": (damages.of_curves,),
        "EdDSA": (damages.of_edwards_curves,),
    }
    return {name: {what: text for table in made for what, text in table()} for name, made in tables.items()}


async def answer_to(text: str, tokens: OpenIdTokens) -> Actor | None:
    """Who the token makes of whoever sends it: nobody, where it is refused or not known as a token at all."""
    try:
        return await tokens.authenticate(text)
    except NotAuthenticated:
        return None


async def test_counts_what_the_provider_gives(subtests: pytest.Subtests) -> None:
    tokens = trusting(openid_forgeries.key_set())
    for what, text in CONTROLS.items():
        with subtests.test(what):
            assert await answer_to(text, tokens) is not None
    assert len(set(CONTROLS.values())) == len(CONTROLS)


async def test_counts_nothing_that_is_forged_damaged_or_meant_for_something_else(
    forged: dict[str, dict[str, str]], subtests: pytest.Subtests
) -> None:
    keys = openid_forgeries.key_set()
    for algorithm, table in forged.items():
        tokens = trusting(keys, algorithm)
        for what, text in table.items():
            with subtests.test(what):
                assert await answer_to(text, tokens) is None
        assert await answer_to(token(algorithm=algorithm), tokens), "what it is one step away from counts"


def test_the_table_of_those_has_enough_of_them_and_no_two_alike(forged: dict[str, dict[str, str]]) -> None:
    every = [text for table in forged.values() for text in table.values()]
    assert len(every) == len({(name, text) for name, table in forged.items() for text in table.values()})
    assert len(every) >= 120


@pytest.mark.parametrize("algorithm", SUPPORTED)
async def test_counts_each_algorithm_that_may_be_configured_and_then_no_other(algorithm: str) -> None:
    keys = jwks(*(published(key_of(name), f"{name} 1") for name in SUPPORTED))
    tokens = trusting(keys, algorithm)
    counted = [name for name in SUPPORTED if await answer_to(token(algorithm=name), tokens)]
    assert counted == [algorithm]


async def test_counts_all_algorithms_of_a_family_that_are_configured() -> None:
    names = ("ES256", "ES384", "ES512")
    tokens = trusting(jwks(*(published(key_of(name), f"{name} 1") for name in names)), algorithms=names)
    for name in names:
        assert await answer_to(token(algorithm=name), tokens), name


@pytest.mark.parametrize("key_id", [None, "RS256 1"])
async def test_a_token_without_a_kid_counts_where_one_key_alone_can_have_signed_it(key_id: str | None) -> None:
    tokens = trusting(jwks(published(key_of("RS256"), key_id), published(key_of("ES256"), "ES256 1")))
    assert await answer_to(token(header={"kid": LEFT_OUT}), tokens)


async def test_of_two_keys_with_one_name_the_first_counts() -> None:
    other = key_of("RS256", 2)
    tokens = trusting(jwks(published(key_of("RS256"), "RS256 1"), published(other, "RS256 1")))
    assert await answer_to(token(), tokens)
    assert await answer_to(token(key=other), tokens) is None


async def test_a_holder_with_a_scope_that_counts_is_staff_by_issuer_and_subject() -> None:
    tokens = trusting(openid_forgeries.key_set())
    staff = Actor(ActorKind.STAFF, f"{ISSUER}#user-42", frozenset({Scope.READ}))
    assert await answer_to(token(), tokens) == staff


async def test_a_holder_without_is_the_customer_that_the_claim_names() -> None:
    tokens = trusting(openid_forgeries.key_set())
    assert await answer_to(token({"scope": "profile"}), tokens) == Actor(ActorKind.CUSTOMER, "user-42")


@pytest.mark.parametrize("text", ["", "ok_live_0123456789abcdef", "a" * 8_192, "ünïcode", "\ud800"])
async def test_knows_nothing_of_tokens_without_a_dot(text: str) -> None:
    assert await trusting(openid_forgeries.key_set()).authenticate(text) is None


def test_a_signature_counts_by_the_algorithm_that_the_key_was_looked_up_for() -> None:
    assert signed_bytes(token(), key_of("RS256"), "RS256")
    for algorithm in ("RS384", "PS256"):
        with pytest.raises(TokenRefused):
            signed_bytes(token(algorithm=algorithm, key=key_of("RS256")), key_of("RS256"), "RS256")


async def test_asks_the_provider_for_nothing_before_there_is_a_token_that_may_count(
    forged: dict[str, dict[str, str]],
) -> None:
    there = ScriptedProvider()
    tokens = there.trusted()
    for what in ("alg none without a signature", "two parts", "a header of half a megabyte", "jwk alone names the key"):
        assert await answer_to(forged["RS256"][what], tokens) is None
    assert there.fetched == []


@given(st.data())
def test_whatever_is_done_to_a_token_it_counts_no_more_and_breaks_nothing(data: st.DataObject) -> None:
    text = CONTROLS["as the provider gives it"]
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damaged = text[:start] + data.draw(st.text(max_size=40)) + text[end:]
    assume(damaged != text)
    assert asyncio.run(answer_to(damaged, trusting(ONE_KEY))) is None


@given(st.text() | st.lists(st.text(), min_size=3, max_size=3).map(".".join))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert asyncio.run(answer_to(text, trusting(ONE_KEY))) is None
