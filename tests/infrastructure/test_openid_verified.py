"""A token is verified once in a while, and not with each request; and ends no later for that."""

import pytest

from orderkeep.application.access.actor import SYSTEM, Actor
from orderkeep.infrastructure.openid_tokens import authenticator, signatures, verified
from orderkeep.infrastructure.openid_tokens.keys import read_key_set
from tests.infrastructure.openid_samples import NOW, jwks, token
from tests.infrastructure.openid_scripted import FIRST, SECOND, ScriptedProvider, answer_of, signed_by


@pytest.fixture(name="looked_at")
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signatures were looked at."""
    found: list[str] = []
    verify = signatures.signed_bytes

    def noted(text: str, *more: object) -> bytes:
        found.append(text)
        return verify(text, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(authenticator, "signed_bytes", noted)
    return found


async def test_a_token_is_verified_once_in_five_minutes(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), signed_by(FIRST)
    for second, times in ((0, 1), (1, 1), (299, 1), (300, 2), (599, 2), (600, 3)):
        there.seconds = second
        assert isinstance(await answer_of(tokens, text), Actor)
        assert len(looked_at) == times, second


async def test_what_was_refused_is_looked_at_again(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), token({"aud": "https://other.example.com"})
    assert [await answer_of(tokens, text) for _ in range(3)] == [401] * 3
    assert len(looked_at) == 3


async def test_a_token_ends_when_it_says_so(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), token({"exp": NOW + 100})
    for second in (0, 129):
        there.seconds = second
        assert isinstance(await answer_of(tokens, text), Actor)
    there.seconds = 130
    assert await answer_of(tokens, text) == 401
    assert len(looked_at) == 2


async def test_a_token_is_verified_anew_with_other_keys_and_not_with_the_same(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), signed_by(FIRST)
    assert isinstance(await answer_of(tokens, text), Actor)
    there.seconds = 31
    assert await answer_of(tokens, signed_by(SECOND)) == 401
    assert isinstance(await answer_of(tokens, text), Actor)
    assert len(there.fetched) == 2
    assert len(looked_at) == 1
    there.publish(FIRST, SECOND)
    there.seconds = 62
    assert isinstance(await answer_of(tokens, signed_by(SECOND)), Actor)
    assert isinstance(await answer_of(tokens, text), Actor)
    assert looked_at[-1] == text
    assert len(looked_at) == 3


async def test_a_clock_that_is_set_back_has_a_token_verified_anew(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), token({"iat": NOW - 600, "nbf": NOW - 600})
    assert isinstance(await answer_of(tokens, text), Actor)
    there.seconds = -10
    assert isinstance(await answer_of(tokens, text), Actor)
    assert len(looked_at) == 2


@pytest.mark.parametrize("added, kept", [("abc", "abc"), ("abcde", "cde"), ("abcb", "abc"), ("abcade", "ade")])
def test_so_many_tokens_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch, added: str, kept: str) -> None:
    monkeypatch.setattr(verified, "MAX_TOKENS", 3)
    keys = read_key_set(jwks(), ("RS256",))
    known = verified.VerifiedTokens()
    for text in added:
        known.add(text, SYSTEM, keys, NOW + 60, NOW)
    assert [text for text in "abcde" if known.find(text, keys, NOW)] == list(kept)


async def test_no_token_stands_in_memory() -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), signed_by(FIRST)
    assert isinstance(await answer_of(tokens, text), Actor)
    assert len(tokens._verified._tokens) == 1
    assert text not in str(vars(tokens._verified))
