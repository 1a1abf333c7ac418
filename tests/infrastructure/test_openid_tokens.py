"""Valid tokens are accepted; forged and damaged ones are rejected."""

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc.errors import JoseError

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.errors import InvalidCredentials
from orderkeep.infrastructure.openid.authenticator import OpenIdAuthenticator, signed_payload
from tests.infrastructure import openid_damages, openid_forgeries
from tests.infrastructure.openid_controls import CONTROLS, SUPPORTED
from tests.infrastructure.openid_samples import ISSUER, LEFT_OUT, jwks, key_of, published, token, trusting
from tests.infrastructure.openid_scripted import ScriptedProvider

pytestmark = pytest.mark.filterwarnings(openid_forgeries.WEAK)


ONE_KEY = jwks(published(key_of("RS256"), "RS256 1"))


@pytest.fixture(scope="module", name="forged")
def forged_tokens() -> dict[str, dict[str, str]]:
    """Invalid tokens by configured algorithm and by name."""
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


async def answer_to(text: str, tokens: OpenIdAuthenticator) -> Actor | None:
    """Return the actor, or None if the token is rejected or is not a JWT."""
    try:
        return await tokens.authenticate(text)
    except InvalidCredentials:
        return None


async def test_valid_tokens_are_accepted(subtests: pytest.Subtests) -> None:
    tokens = trusting(openid_forgeries.key_set())
    for what, text in CONTROLS.items():
        with subtests.test(what):
            assert await answer_to(text, tokens) is not None
    assert len(set(CONTROLS.values())) == len(CONTROLS)


async def test_forged_and_damaged_tokens_are_rejected(
    forged: dict[str, dict[str, str]], subtests: pytest.Subtests
) -> None:
    keys = openid_forgeries.key_set()
    for algorithm, table in forged.items():
        tokens = trusting(keys, algorithm)
        for what, text in table.items():
            with subtests.test(what):
                assert await answer_to(text, tokens) is None
        assert await answer_to(token(algorithm=algorithm), tokens), "the token that they are derived from is valid"


def test_forged_tokens_are_many_and_distinct(forged: dict[str, dict[str, str]]) -> None:
    every = [text for table in forged.values() for text in table.values()]
    assert len(every) == len({(name, text) for name, table in forged.items() for text in table.values()})
    assert len(every) >= 120


@pytest.mark.parametrize("algorithm", SUPPORTED)
async def test_only_the_configured_algorithm_is_accepted(algorithm: str) -> None:
    keys = jwks(*(published(key_of(name), f"{name} 1") for name in SUPPORTED))
    tokens = trusting(keys, algorithm)
    counted = [name for name in SUPPORTED if await answer_to(token(algorithm=name), tokens)]
    assert counted == [algorithm]


async def test_every_configured_algorithm_is_accepted() -> None:
    names = ("ES256", "ES384", "ES512")
    tokens = trusting(jwks(*(published(key_of(name), f"{name} 1") for name in names)), algorithms=names)
    for name in names:
        assert await answer_to(token(algorithm=name), tokens), name


@pytest.mark.parametrize("key_id", [None, "RS256 1"])
async def test_token_without_kid_is_accepted_if_only_one_key_can_have_signed_it(key_id: str | None) -> None:
    tokens = trusting(jwks(published(key_of("RS256"), key_id), published(key_of("ES256"), "ES256 1")))
    assert await answer_to(token(header={"kid": LEFT_OUT}), tokens)


async def test_first_of_two_keys_with_one_id_is_used() -> None:
    other = key_of("RS256", 2)
    tokens = trusting(jwks(published(key_of("RS256"), "RS256 1"), published(other, "RS256 1")))
    assert await answer_to(token(), tokens)
    assert await answer_to(token(key=other), tokens) is None


async def test_token_with_a_mapped_scope_is_staff() -> None:
    tokens = trusting(openid_forgeries.key_set())
    staff = Actor(ActorKind.STAFF, f"{ISSUER}#user-42", frozenset({Scope.READ}))
    assert await answer_to(token(), tokens) == staff


async def test_token_without_a_mapped_scope_is_a_customer() -> None:
    tokens = trusting(openid_forgeries.key_set())
    assert await answer_to(token({"scope": "profile"}), tokens) == Actor(ActorKind.CUSTOMER, "user-42")


@pytest.mark.parametrize("text", ["", "ok_live_0123456789abcdef", "a" * 8_192, "ünïcode", "\ud800"])
async def test_text_without_a_dot_is_not_a_token(text: str) -> None:
    assert await trusting(openid_forgeries.key_set()).authenticate(text) is None


def test_signature_is_verified_with_one_algorithm() -> None:
    assert signed_payload(token(), key_of("RS256"), "RS256")
    for algorithm in ("RS384", "PS256"):
        with pytest.raises(JoseError):
            signed_payload(token(algorithm=algorithm, key=key_of("RS256")), key_of("RS256"), "RS256")


async def test_malformed_tokens_cause_no_fetch(
    forged: dict[str, dict[str, str]],
) -> None:
    there = ScriptedProvider()
    tokens = there.trusted()
    for what in ("alg none without a signature", "two parts", "a header of half a megabyte", "jwk alone names the key"):
        assert await answer_to(forged["RS256"][what], tokens) is None
    assert there.fetched == []


@given(st.data())
def test_altered_token_is_rejected(data: st.DataObject) -> None:
    text = CONTROLS["as the provider gives it"]
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damaged = text[:start] + data.draw(st.text(max_size=40)) + text[end:]
    assume(damaged != text)
    assert asyncio.run(answer_to(damaged, trusting(ONE_KEY))) is None


@given(st.text() | st.lists(st.text(), min_size=3, max_size=3).map(".".join))
def test_random_text_is_rejected(text: str) -> None:
    assert asyncio.run(answer_to(text, trusting(ONE_KEY))) is None
