"""API keys authenticate an actor; every invalid key is rejected with the same error."""

import asyncio
import os

import pytest

from orderkeep.application.access.actor import Actor, ActorKind
from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.access.api_keys import make_key
from orderkeep.testing.api_keys import TICK, api_key, customers_key
from tests.application.watched_keys import NOW, Clock, WatchedKeys, authenticator, clock, id_of, is_rejected, keys

__all__ = ["authenticator", "clock", "keys"]  # fixtures


async def test_knows_staff_and_customers_by_their_keys(authenticator: ApiKeyAuthenticator, keys: WatchedKeys) -> None:
    staff, customer = keys.make(api_key()), keys.make(customers_key(2))
    assert await authenticator.authenticate(staff) == Actor(ActorKind.STAFF, f"key:{id_of(staff)}", api_key().scopes)
    assert await authenticator.authenticate(customer) == Actor(ActorKind.CUSTOMER, "user-2")


@pytest.mark.parametrize("token", ["", "ok", "OK_1", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "x" * 1_000_000, "\udcff"])
async def test_leaves_what_is_no_key_to_others(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, token: str
) -> None:
    assert await authenticator.authenticate(token) is None
    assert keys.reads == []


@pytest.mark.parametrize(
    "token", ["ok_", "ok_\udcff", "ok_" + "A" * 60, "ok_1234567890_" + "B" * 49, "ok_" + "x" * 10**6]
)
async def test_rejects_what_only_begins_like_a_key_without_asking_the_store(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, token: str
) -> None:
    assert await is_rejected(authenticator, token)
    assert keys.reads == []


async def test_an_altered_key_is_rejected_whether_its_id_is_known_or_not(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    token = keys.make(api_key())
    altered = [token[:-1] + ("0" if token[-1] != "0" else "1"), token[:20] + token[20:].swapcase()]
    for other in altered:
        assert await is_rejected(authenticator, other)
    assert keys.reads == []
    assert await authenticator.authenticate(token)
    for other in altered:
        assert await is_rejected(authenticator, other)


async def test_every_invalid_key_gets_the_same_response(authenticator: ApiKeyAuthenticator, keys: WatchedKeys) -> None:
    known = keys.make(api_key())
    other = make_key(lambda count: keys_id_then_zeros(known, count))
    tokens = {
        "altered": known[:-1] + ("0" if known[-1] != "0" else "1"),
        "unknown": make_key(os.urandom),
        "secret of another": other,
        "revoked": keys.make(api_key(revoked_at=NOW - TICK)),
        "to be revoked": keys.make(api_key(revoked_at=NOW + TICK)),
        "ended": keys.make(api_key(expires_at=NOW)),
    }
    assert id_of(other) == id_of(known)
    assert [name for name, token in tokens.items() if not await is_rejected(authenticator, token)] == []
    assert await authenticator.authenticate(known)


def keys_id_then_zeros(known: str, count: int) -> bytes:
    """Give the randomness that leads to the id of a known key, and then to a secret of zeros."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in id_of(known):
        number = number * 62 + digits.index(character)
    return number.to_bytes(count, "big") if count == 16 else bytes(count)


async def test_does_the_same_work_for_an_unknown_key_as_for_a_wrong_one(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return False

    monkeypatch.setattr("orderkeep.application.access.api_key_authenticator.compare_digest", compare)
    for token in (keys.make(api_key()), make_key(os.urandom), keys.make(api_key(expires_at=NOW))):
        assert await is_rejected(authenticator, token)
    assert compared == [(64, 64)] * 3
    assert len(keys.reads) == 3


async def test_a_key_ends_at_its_time_though_it_is_remembered(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key(expires_at=NOW + TICK))
    assert await authenticator.authenticate(token)
    clock.now += TICK
    assert await is_rejected(authenticator, token)
    assert len(keys.reads) == 1


async def test_a_key_that_ends_while_the_store_is_asked_has_ended(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key(expires_at=NOW + TICK))
    keys.resume.clear()
    asking = asyncio.create_task(is_rejected(authenticator, token))
    await keys.get_called.wait()
    clock.now += TICK
    keys.resume.set()
    assert await asking
