"""The cache of verified tokens: a cached token is valid no longer than one that is verified again."""

from hashlib import sha256

import pytest

from orderkeep.application.access.actor import Actor
from orderkeep.infrastructure.openid import authenticator
from tests.infrastructure.openid_samples import NOW, token
from tests.infrastructure.openid_scripted import FIRST, SECOND, ScriptedProvider, outcome_of, signed_by


@pytest.fixture(name="looked_at")
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signatures were looked at."""
    found: list[str] = []
    verify = authenticator.signed_payload

    def noted(text: str, *more: object) -> bytes:
        found.append(text)
        return verify(text, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(authenticator, "signed_payload", noted)
    return found


async def test_token_is_verified_once_in_five_minutes(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), signed_by(FIRST)
    for second, times in ((0, 1), (1, 1), (299, 1), (300, 2), (599, 2), (600, 3)):
        there.seconds = second
        assert isinstance(await outcome_of(tokens, text), Actor)
        assert len(looked_at) == times, second


async def test_rejected_token_is_not_cached(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), token({"aud": "https://other.example.com"})
    assert [await outcome_of(tokens, text) for _ in range(3)] == [401] * 3
    assert len(looked_at) == 3


async def test_cached_token_expires(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), token({"exp": NOW + 100})
    for second in (0, 129):
        there.seconds = second
        assert isinstance(await outcome_of(tokens, text), Actor)
    there.seconds = 130
    assert await outcome_of(tokens, text) == 401
    assert len(looked_at) == 2


async def test_token_is_verified_again_when_the_keys_change(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), signed_by(FIRST)
    assert isinstance(await outcome_of(tokens, text), Actor)
    there.seconds = 31
    assert await outcome_of(tokens, signed_by(SECOND)) == 401
    assert isinstance(await outcome_of(tokens, text), Actor)
    assert len(there.fetched) == 2
    assert len(looked_at) == 1
    there.publish(FIRST, SECOND)
    there.seconds = 62
    assert isinstance(await outcome_of(tokens, signed_by(SECOND)), Actor)
    assert isinstance(await outcome_of(tokens, text), Actor)
    assert looked_at[-1] == text
    assert len(looked_at) == 3


async def test_token_is_verified_again_when_the_clock_is_set_back(looked_at: list[str]) -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), token({"iat": NOW - 600, "nbf": NOW - 600})
    assert isinstance(await outcome_of(tokens, text), Actor)
    there.seconds = -10
    assert isinstance(await outcome_of(tokens, text), Actor)
    assert len(looked_at) == 2


@pytest.mark.parametrize("added, kept", [("abc", "abc"), ("abcde", "cde"), ("abcb", "abc"), ("abcade", "ade")])
async def test_cache_keeps_the_tokens_verified_last(monkeypatch: pytest.MonkeyPatch, added: str, kept: str) -> None:
    monkeypatch.setattr(authenticator, "MAX_VERIFIED", 3)
    there = ScriptedProvider(FIRST)
    tokens, texts = there.trusted(), {name: signed_by(FIRST) for name in "abcde"}
    for name in added:
        there.seconds += authenticator.VERIFIED_SECONDS  # so that a token that is repeated is verified again
        assert isinstance(await outcome_of(tokens, texts[name]), Actor)
    assert set(tokens._verified) == {sha256(texts[name].encode()).digest() for name in kept}


async def test_cache_contains_no_token() -> None:
    there = ScriptedProvider(FIRST)
    tokens, text = there.trusted(), signed_by(FIRST)
    assert isinstance(await outcome_of(tokens, text), Actor)
    assert len(tokens._verified) == 1
    assert text not in str(tokens._verified)
