"""The provider's keys: fetched when needed, kept through an outage, and never as often as they are asked for."""

import asyncio
import threading

import pytest

from orderkeep.application.access.actor import Actor
from orderkeep.infrastructure.openid_tokens import key_source
from tests.infrastructure.openid_samples import JWKS_URL, as_json, encoded, told_in
from tests.infrastructure.openid_scripted import (
    FIRST,
    SECOND,
    THIRD,
    ScriptedProvider,
    answer_of,
    signed_by,
    until,
)


def unknown(number: int) -> str:
    header = encoded(as_json({"alg": "RS256", "kid": f"unknown {number}"}))
    return f"{header}.{encoded(b'{}')}.{encoded(b'x' * 256)}"


async def test_one_fetch_does_for_all_tokens() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    answers = await asyncio.gather(*(answer_of(tokens, signed_by(FIRST)) for _ in range(50)))
    assert all(isinstance(answer, Actor) for answer in answers)
    assert there.fetched == [JWKS_URL]


async def test_ten_thousand_unknown_key_ids_make_one_fetch_in_thirty_seconds() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)
    for second, number_of_ids, fetches in ((29, 100, 1), (30, 10_000, 2), (59, 100, 2), (60, 100, 3)):
        there.seconds = second
        answers = await asyncio.gather(*(answer_of(tokens, unknown(number)) for number in range(number_of_ids)))
        assert set(answers) == {401}
        assert len(there.fetched) == fetches, second
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)


async def test_a_new_key_counts_with_its_first_token() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)
    there.publish(FIRST, SECOND)
    there.seconds = 10
    assert await answer_of(tokens, signed_by(SECOND)) == 401
    there.seconds = 31
    assert isinstance(await answer_of(tokens, signed_by(SECOND)), Actor)
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)
    assert len(there.fetched) == 2


async def test_a_key_that_is_withdrawn_ends_and_the_tokens_that_were_verified_with_it() -> None:
    there = ScriptedProvider(FIRST, SECOND)
    tokens = there.trusted()
    early = signed_by(FIRST)
    assert isinstance(await answer_of(tokens, early), Actor)
    there.publish(SECOND)
    there.seconds = 100
    assert isinstance(await answer_of(tokens, early), Actor)
    there.seconds = 301
    await answer_of(tokens, signed_by(SECOND))
    await until(lambda: len(there.fetched) == 2)
    for _ in range(100):  # the fetch is done, and what waits for it comes next
        if (answer := await answer_of(tokens, early)) == 401:
            break
        await asyncio.sleep(0.01)
    assert answer == 401
    assert isinstance(await answer_of(tokens, signed_by(SECOND, 301)), Actor)


async def test_keys_are_renewed_beside_the_requests_and_no_request_waits() -> None:
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        found = there.fetch(url)
        assert len(there.fetched) == 1 or go_on.wait(10)
        return found

    tokens = there.trusted(fetch)
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)
    for second in range(301, 401):
        there.seconds = second
        assert isinstance(await answer_of(tokens, signed_by(FIRST, second)), Actor)
    await until(lambda: len(there.fetched) == 2)
    go_on.set()


async def test_keys_count_through_an_outage_of_a_day_and_are_asked_for_every_thirty_seconds() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)
    there.is_down = True
    for tries, second in enumerate((301, 331, 361, 86_400), start=2):
        there.seconds = second
        for _ in range(10):
            assert isinstance(await answer_of(tokens, signed_by(FIRST, second)), Actor)
            await until(lambda tries=tries: len(there.fetched) == tries)  # type: ignore[misc]
    there.seconds = 86_431
    assert await answer_of(tokens, signed_by(FIRST, 86_431)) == 503
    there.is_down = False
    assert await answer_of(tokens, signed_by(FIRST, 86_431)) == 503
    there.seconds = 86_461
    assert isinstance(await answer_of(tokens, signed_by(FIRST, 86_461)), Actor)


async def test_nobody_can_tell_a_new_key_in_an_outage() -> None:
    there = ScriptedProvider(FIRST)
    tokens = there.trusted()
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)
    there.is_down, there.seconds = True, 31
    assert await answer_of(tokens, signed_by(THIRD)) == 503
    assert await answer_of(tokens, signed_by(THIRD)) == 503
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)
    assert len(there.fetched) == 2
    there.is_down, there.seconds = False, 61
    assert await answer_of(tokens, signed_by(THIRD)) == 401


async def test_before_there_are_keys_nobody_can_tell_and_they_are_asked_for_every_five_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = ScriptedProvider(FIRST)
    there.is_down = True
    tokens = there.trusted()
    for second, fetches in ((0, 1), (4, 1), (5, 2), (9, 2)):
        there.seconds = second
        answers = await asyncio.gather(*(answer_of(tokens, signed_by(FIRST)) for _ in range(10)))
        assert set(answers) == {503}
        assert len(there.fetched) == fetches
    assert told_in(caplog) == [("the keys of the OpenID provider cannot be had", "it answers 503")] * 2
    there.is_down, there.seconds = False, 10
    assert isinstance(await answer_of(tokens, signed_by(FIRST)), Actor)


async def test_whoever_goes_away_while_keys_are_fetched_takes_nobody_along() -> None:
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        assert go_on.wait(10)
        return there.fetch(url)

    tokens = there.trusted(fetch)
    impatient, patient = (asyncio.create_task(answer_of(tokens, signed_by(FIRST))) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    go_on.set()
    assert isinstance(await patient, Actor)
    assert len(there.fetched) == 1


async def test_a_provider_that_hangs_is_given_up_and_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_source, "SECONDS", 0.01)
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        go_on.wait(10)
        return there.fetch(url)

    tokens = there.trusted(fetch)
    assert await answer_of(tokens, signed_by(FIRST)) == 503
    [thread] = [each for each in threading.enumerate() if each.name == "orderkeep-openid-keys"]
    assert thread.daemon
    go_on.set()
    await until(lambda: not thread.is_alive())
    await tokens.close()


async def test_a_fetch_under_way_ends_with_the_service() -> None:
    there = ScriptedProvider(FIRST)
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        go_on.wait(10)
        return there.fetch(url)

    tokens = there.trusted(fetch)
    waiting = asyncio.create_task(answer_of(tokens, signed_by(FIRST)))
    await asyncio.sleep(0)
    await tokens.close()
    await tokens.close()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    go_on.set()
