"""The last use of a key is noted now and then, behind the request, and fails none."""

import asyncio
import gc
from datetime import timedelta
from typing import Any

from orderkeep.application.access.api_key_authenticator import FRESH, NOTED_EVERY, ApiKeyAuthenticator
from orderkeep.testing.api_keys import TICK, api_key
from tests.application.watched_keys import NOW, Clock, WatchedKeys, authenticator, clock, id_of, is_rejected, keys

__all__ = ["authenticator", "clock", "keys"]  # fixtures


async def test_notes_the_last_use_every_few_minutes_and_not_for_every_request(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    for _ in range(3):
        await authenticator.authenticate(token)
        clock.now += FRESH  # so that the key is read anew in between
    await authenticator.close()
    assert keys.notes == [(id_of(token), NOW)]
    clock.now = NOW + NOTED_EVERY
    await authenticator.authenticate(token)
    await authenticator.close()
    assert keys.notes == [(id_of(token), NOW), (id_of(token), NOW + NOTED_EVERY)]


async def test_leaves_it_where_another_process_has_just_noted_it(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    just_used = keys.make(api_key(last_used_at=NOW - NOTED_EVERY + TICK))
    used_before = keys.make(api_key(last_used_at=NOW - NOTED_EVERY))
    used_later = keys.make(api_key(last_used_at=NOW + timedelta(days=1)))  # another's clock is wrong
    for token in (just_used, used_before, used_later) * 2:
        await authenticator.authenticate(token)
    await authenticator.close()
    assert [key_id for key_id, _ in keys.notes] == [id_of(used_before), id_of(used_later)]


async def test_notes_no_use_of_a_key_that_is_rejected(authenticator: ApiKeyAuthenticator, keys: WatchedKeys) -> None:
    assert await is_rejected(authenticator, keys.make(api_key(expires_at=NOW)))
    await authenticator.close()
    assert keys.notes == []


async def test_last_use_is_written_after_the_response_and_may_fail(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    token = keys.make(api_key())
    await authenticator._look_up(id_of(token))
    keys.resume.clear()
    keys.is_away = True
    for _ in range(3):
        assert await authenticator.authenticate(token)  # and does not wait
        await asyncio.sleep(0)
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    keys.resume.set()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert said == []
    assert len(keys.notes) == 1


async def test_a_note_that_failed_is_not_tried_again_by_the_next_request(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    await authenticator._look_up(id_of(token))
    keys.is_away = True
    assert await authenticator.authenticate(token)
    await authenticator.close()
    keys.is_away = False
    for _ in range(3):
        clock.now += FRESH  # so that the key is read anew
        assert await authenticator.authenticate(token)
        await authenticator.close()
    assert (len(keys.notes), len(keys.reads)) == (1, 4)


async def test_closing_waits_for_what_is_being_noted_and_may_be_done_twice(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    token = keys.make(api_key())
    assert await authenticator.authenticate(token)
    for _ in range(2):
        await authenticator.close()
        assert keys._keys[id_of(token)].last_used_at == NOW
    assert authenticator._notes == set()


async def test_closing_does_not_fail_with_a_note_that_was_cancelled(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    assert await authenticator.authenticate(keys.make(api_key()))
    keys.resume.clear()
    [note] = authenticator._notes
    note.cancel()
    await authenticator.close()
