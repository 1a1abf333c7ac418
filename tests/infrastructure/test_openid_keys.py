"""The key cache: background refresh, throttled refetch, outages."""

import asyncio
import threading

import pytest

from orderkeep.application.access.actor import Actor
from orderkeep.infrastructure.openid import keys
from tests.infrastructure.openid_samples import JWKS_URL, as_json, encoded, logged_in
from tests.infrastructure.openid_scripted import (
    FIRST,
    SECOND,
    THIRD,
    ScriptedProvider,
    outcome_of,
    signed_by,
    until,
)


def unknown(number: int) -> str:
    header = encoded(as_json({"alg": "RS256", "kid": f"unknown {number}"}))
    return f"{header}.{encoded(b'{}')}.{encoded(b'x' * 256)}"


async def test_concurrent_tokens_share_one_fetch() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    answers = await asyncio.gather(*(outcome_of(tokens, signed_by(FIRST)) for _ in range(50)))
    assert all(isinstance(answer, Actor) for answer in answers)
    assert there.fetched == [JWKS_URL]


async def test_unknown_key_ids_cause_one_fetch_in_thirty_seconds() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    for second, number_of_ids, fetches in ((29, 100, 1), (30, 10_000, 2), (59, 100, 2), (60, 100, 3)):
        there.seconds = second
        answers = await asyncio.gather(*(outcome_of(tokens, unknown(number)) for number in range(number_of_ids)))
        assert set(answers) == {401}
        assert len(there.fetched) == fetches, second
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)


async def test_new_key_is_fetched_for_its_first_token() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    there.publish(FIRST, SECOND)
    there.seconds = 10
    assert await outcome_of(tokens, signed_by(SECOND)) == 401
    there.seconds = 31
    assert isinstance(await outcome_of(tokens, signed_by(SECOND)), Actor)
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    assert len(there.fetched) == 2


async def test_withdrawn_key_invalidates_its_tokens() -> None:
    there = ScriptedProvider(FIRST, SECOND)
    tokens = there.trusted()
    early = signed_by(FIRST)
    assert isinstance(await outcome_of(tokens, early), Actor)
    there.publish(SECOND)
    there.seconds = 100
    assert isinstance(await outcome_of(tokens, early), Actor)
    there.seconds = 301
    await outcome_of(tokens, signed_by(SECOND))
    await until(lambda: len(there.fetched) == 2)
    for _ in range(100):  # the fetch is done, and what waits for it comes next
        if (answer := await outcome_of(tokens, early)) == 401:
            break
        await asyncio.sleep(0.01)
    assert answer == 401
    assert isinstance(await outcome_of(tokens, signed_by(SECOND, 301)), Actor)


async def test_keys_are_refreshed_in_the_background() -> None:
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        found = there.fetch(url)
        assert len(there.fetched) == 1 or go_on.wait(10)
        return found

    tokens = there.trusted(fetch)
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    for second in range(301, 401):
        there.seconds = second
        assert isinstance(await outcome_of(tokens, signed_by(FIRST, second)), Actor)
    await until(lambda: len(there.fetched) == 2)
    go_on.set()


async def test_keys_are_used_for_a_day_while_the_provider_is_down() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    there.is_down = True
    for tries, second in enumerate((301, 331, 361, 86_400), start=2):
        there.seconds = second
        for _ in range(10):
            assert isinstance(await outcome_of(tokens, signed_by(FIRST, second)), Actor)
            await until(lambda tries=tries: len(there.fetched) == tries)  # type: ignore[misc]
    there.seconds = 86_431
    assert await outcome_of(tokens, signed_by(FIRST, 86_431)) == 503
    there.is_down = False
    assert await outcome_of(tokens, signed_by(FIRST, 86_431)) == 503
    there.seconds = 86_461
    assert isinstance(await outcome_of(tokens, signed_by(FIRST, 86_461)), Actor)


async def test_unknown_key_during_an_outage_is_unavailable() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    there.is_down, there.seconds = True, 31
    assert await outcome_of(tokens, signed_by(THIRD)) == 503
    assert await outcome_of(tokens, signed_by(THIRD)) == 503
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)
    assert len(there.fetched) == 2
    there.is_down, there.seconds = False, 61
    assert await outcome_of(tokens, signed_by(THIRD)) == 401


async def test_without_keys_they_are_fetched_every_five_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = ScriptedProvider(FIRST)
    there.is_down = True
    tokens = there.trusted()
    for second, fetches in ((0, 1), (4, 1), (5, 2), (9, 2)):
        there.seconds = second
        answers = await asyncio.gather(*(outcome_of(tokens, signed_by(FIRST)) for _ in range(10)))
        assert set(answers) == {503}
        assert len(there.fetched) == fetches
    assert logged_in(caplog) == [("the OpenID provider is not available", "the keys: status 503")] * 2
    there.is_down, there.seconds = False, 10
    assert isinstance(await outcome_of(tokens, signed_by(FIRST)), Actor)


async def test_cancelled_caller_does_not_cancel_the_fetch() -> None:
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        assert go_on.wait(10)
        return there.fetch(url)

    tokens = there.trusted(fetch)
    impatient, patient = (asyncio.create_task(outcome_of(tokens, signed_by(FIRST))) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    go_on.set()
    assert isinstance(await patient, Actor)
    assert len(there.fetched) == 1


async def test_hanging_provider_times_out_and_blocks_no_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "FETCH_SECONDS", 0.01)
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        go_on.wait(10)
        return there.fetch(url)

    tokens = there.trusted(fetch)
    assert await outcome_of(tokens, signed_by(FIRST)) == 503
    [thread] = [each for each in threading.enumerate() if each.name == "orderkeep-openid"]
    assert thread.daemon
    go_on.set()
    await until(lambda: not thread.is_alive())
    await tokens.close()


async def test_close_cancels_a_fetch() -> None:
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        go_on.wait(10)
        return there.fetch(url)

    tokens = there.trusted(fetch)
    waiting = asyncio.create_task(outcome_of(tokens, signed_by(FIRST)))
    await asyncio.sleep(0)
    await tokens.close()
    await tokens.close()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    go_on.set()
