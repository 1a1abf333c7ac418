"""Keys are remembered for seconds: a burst costs the store one read, and what was revoked is soon refused."""

import asyncio
import gc
import os
from typing import Any

import pytest

from orderkeep.application.access import api_key_authenticator as known_api_keys
from orderkeep.application.access.actor import Actor
from orderkeep.application.access.api_key_authenticator import FRESH, ApiKeyAuthenticator
from orderkeep.application.access.api_keys import make_key
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.testing.api_keys import TICK, api_key
from tests.application.watched_keys import NOW, Clock, WatchedKeys, authenticator, clock, id_of, is_refused, keys

__all__ = ["authenticator", "clock", "keys"]  # fixtures


async def test_asks_the_store_once_in_a_while(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token, unknown = keys.make(api_key()), make_key(os.urandom)
    for _ in range(5):
        assert await authenticator.authenticate(token)
        assert await is_refused(authenticator, unknown)
        clock.now += FRESH / 5 - TICK
    assert keys.reads == [id_of(token), id_of(unknown)]
    clock.now += 5 * TICK
    assert await authenticator.authenticate(token)
    assert await is_refused(authenticator, unknown)
    assert keys.reads == [id_of(token), id_of(unknown)] * 2


async def test_a_revoked_key_is_refused_before_it_is_long_ago(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    assert await authenticator.authenticate(token)
    await keys.revoke(id_of(token), NOW)
    clock.now += FRESH
    assert await is_refused(authenticator, token)


async def test_what_was_read_while_a_key_was_revoked_counts_from_before(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    keys.go_on.clear()
    asking = asyncio.create_task(authenticator.authenticate(token))
    await keys.asked.wait()
    clock.now += FRESH - TICK  # so long the store took
    keys.go_on.set()
    assert await asking
    await keys.revoke(id_of(token), NOW)
    clock.now += TICK
    assert await is_refused(authenticator, token)


async def test_a_clock_that_is_put_back_makes_nothing_count_longer(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    await authenticator.authenticate(token)
    clock.now -= TICK
    await authenticator.authenticate(token)
    assert len(keys.reads) == 2


async def test_a_burst_asks_the_store_once(authenticator: ApiKeyAuthenticator, keys: WatchedKeys) -> None:
    token, unknown = keys.make(api_key()), make_key(os.urandom)
    keys.go_on.clear()
    burst = asyncio.gather(*(authenticator.authenticate(token) for _ in range(50)))
    wrong = asyncio.gather(*(is_refused(authenticator, unknown) for _ in range(50)))
    await asyncio.sleep(0)
    keys.go_on.set()
    assert len(set(await burst)) == 1
    assert all(await wrong)
    assert sorted(keys.reads) == sorted([id_of(token), id_of(unknown)])


async def test_who_goes_away_first_takes_nobody_along(authenticator: ApiKeyAuthenticator, keys: WatchedKeys) -> None:
    token = keys.make(api_key())
    keys.go_on.clear()
    first, second = (asyncio.create_task(authenticator.authenticate(token)) for _ in range(2))
    await keys.asked.wait()
    first.cancel()
    await asyncio.sleep(0)
    keys.go_on.set()
    assert await second
    assert first.cancelled()
    assert len(keys.reads) == 1


async def test_says_that_it_cannot_tell_and_asks_again_then(
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


async def test_a_failure_that_nobody_waits_for_is_no_matter(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    keys.is_away = True
    keys.go_on.clear()
    asking = asyncio.create_task(authenticator.authenticate(keys.make(api_key())))
    await keys.asked.wait()
    asking.cancel()
    keys.go_on.set()
    await asyncio.wait([asking])
    for _ in range(5):
        await asyncio.sleep(0)
    assert asking.cancelled()
    del asking
    gc.collect()  # a task whose failure nobody heard of complains when it is forgotten
    assert said == []


async def test_unknown_ids_push_no_key_out_and_both_are_bounded(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_api_keys, "MOST_KNOWN", 3)
    tokens = [keys.make(api_key()) for _ in range(3)]
    for token in tokens:
        await authenticator.authenticate(token)
    for _ in range(9):
        assert await is_refused(authenticator, make_key(os.urandom))
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
    known = authenticator._known
    assert (len(known._known), len(known._unknown), len(known._reads)) == (3, 3, 0)


async def test_a_key_in_use_outstays_one_that_nobody_uses(
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


def test_a_loop_that_ends_takes_along_what_was_asked_in_it(keys: WatchedKeys, clock: Clock) -> None:
    token, authenticator = keys.make(api_key()), ApiKeyAuthenticator(keys, clock)
    keys.go_on.clear()

    async def begin() -> asyncio.Task[Actor | None]:
        asking = asyncio.create_task(authenticator.authenticate(token))
        await keys.asked.wait()
        return asking

    assert asyncio.run(begin()).cancelled()
    keys.go_on = asyncio.Event()
    keys.go_on.set()
    assert asyncio.run(authenticator.authenticate(token))


def test_serves_one_event_loop_after_the_other(keys: WatchedKeys, clock: Clock) -> None:
    token, authenticator = keys.make(api_key()), ApiKeyAuthenticator(keys, clock)
    for _ in range(2):
        assert asyncio.run(authenticator.authenticate(token))
        clock.now += FRESH
