"""API keys are cached for ten seconds; a revoked key is then rejected."""

import asyncio
import os

import pytest

from orderkeep.application.access import api_key_authenticator as known_api_keys
from orderkeep.application.access.api_key_authenticator import FRESH, ApiKeyAuthenticator
from orderkeep.application.access.api_keys import make_key
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.testing.api_keys import TICK, api_key
from tests.application.watched_keys import NOW, Clock, WatchedKeys, authenticator, clock, id_of, is_rejected, keys

__all__ = ["authenticator", "clock", "keys"]  # fixtures


async def test_asks_the_store_once_in_a_while(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    for _ in range(5):
        assert await authenticator.authenticate(token)
        clock.now += FRESH / 5 - TICK
    assert keys.reads == [id_of(token)]
    clock.now += 5 * TICK
    assert await authenticator.authenticate(token)
    assert keys.reads == [id_of(token)] * 2


async def test_revoked_key_is_rejected_within_ten_seconds(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    assert await authenticator.authenticate(token)
    await keys.revoke(id_of(token), NOW)
    clock.now += FRESH
    assert await is_rejected(authenticator, token)


async def test_cache_entry_read_during_revocation_expires_from_its_start(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    keys.resume.clear()
    asking = asyncio.create_task(authenticator.authenticate(token))
    await keys.get_called.wait()
    clock.now += FRESH - TICK  # so long the store took
    keys.resume.set()
    assert await asking
    await keys.revoke(id_of(token), NOW)
    clock.now += TICK
    assert await is_rejected(authenticator, token)


async def test_a_clock_that_is_put_back_makes_nothing_count_longer(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    await authenticator.authenticate(token)
    clock.now -= TICK
    await authenticator.authenticate(token)
    assert len(keys.reads) == 2


async def test_failed_look_up_raises_and_is_retried_next_time(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    token = keys.make(api_key())
    keys.is_away = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await authenticator.authenticate(token)
    keys.is_away = False
    assert await authenticator.authenticate(token)
    assert len(keys.reads) == 3


async def test_unknown_ids_push_no_key_out_and_the_cache_is_bounded(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_api_keys, "MOST_KNOWN", 3)
    tokens = [keys.make(api_key()) for _ in range(3)]
    for token in tokens:
        await authenticator.authenticate(token)
    for _ in range(9):
        assert await is_rejected(authenticator, make_key(os.urandom))
    keys.reads.clear()
    for token in tokens:
        await authenticator.authenticate(token)
    assert keys.reads == []
    assert await authenticator.authenticate(keys.make(api_key()))
    keys.reads.clear()
    for token in tokens[1:]:
        await authenticator.authenticate(token)
    assert keys.reads == []
    await authenticator.authenticate(tokens[0])
    assert keys.reads == [id_of(tokens[0])]
    assert len(authenticator._known) == 3


async def test_used_key_stays_longer_than_an_unused_one(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_api_keys, "MOST_KNOWN", 2)
    used, unused = keys.make(api_key()), keys.make(api_key())
    for token in (used, unused):
        await authenticator.authenticate(token)
    clock.now += FRESH
    for token in (used, keys.make(api_key())):
        await authenticator.authenticate(token)
    keys.reads.clear()
    await authenticator.authenticate(used)
    assert keys.reads == []


def test_serves_one_event_loop_after_the_other(keys: WatchedKeys, clock: Clock) -> None:
    token, authenticator = keys.make(api_key()), ApiKeyAuthenticator(keys, clock)
    for _ in range(2):
        assert asyncio.run(authenticator.authenticate(token))
        clock.now += FRESH
