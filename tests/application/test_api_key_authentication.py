"""Who asks, told by a key: what does not count is refused alike, and a burst costs the store one read."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orderkeep.application import known_api_keys
from orderkeep.application.actor import Actor, ActorKind
from orderkeep.application.api_key_authentication import NOTED_EVERY, ApiKeyAuthenticator
from orderkeep.application.api_keys import ApiKey, digest_of_key, id_of_key, make_key
from orderkeep.application.known_api_keys import FRESH
from orderkeep.domain.exceptions import NotAuthenticated, StoreUnavailable
from orderkeep.infrastructure.memory_repo import InMemoryApiKeys, InMemoryOrderRepository
from orderkeep.testing.api_keys import SINCE, TICK, api_key, customers_key

NOW = SINCE + timedelta(days=9)
REFUSAL = "what was sent to show who asks does not count"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class WatchedKeys(InMemoryApiKeys):
    """Counts what it is asked, can be made to wait, and to fail."""

    def __init__(self) -> None:
        super().__init__(InMemoryOrderRepository())
        self.reads, self.notes = list[str](), list[tuple[str, datetime]]()
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self.is_away = False

    async def get(self, key_id: str) -> ApiKey | None:
        self.reads.append(key_id)
        self.asked.set()
        await self.go_on.wait()
        self._refuse_if_away()
        return await super().get(key_id)

    async def note_use(self, key_id: str, at: datetime) -> None:
        self.notes.append((key_id, at))
        await self.go_on.wait()
        self._refuse_if_away()
        await super().note_use(key_id, at)

    def _refuse_if_away(self) -> None:
        if self.is_away:
            raise StoreUnavailable("away")

    def make(self, key: ApiKey) -> str:
        """Keep a key like this one, and return what its holder has."""
        made = make_key(os.urandom)
        key_id = id_of_key(made)
        assert key_id
        self._keys[key_id] = replace(key, id=key_id, digest=digest_of_key(made))
        return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> WatchedKeys:
    return WatchedKeys()


@pytest.fixture
async def authenticator(keys: WatchedKeys, clock: Clock) -> AsyncIterator[ApiKeyAuthenticator]:
    authenticator = ApiKeyAuthenticator(keys, clock)
    yield authenticator
    await authenticator.close()


def id_of(token: str) -> str:
    return id_of_key(token) or ""


async def is_refused(authenticator: ApiKeyAuthenticator, token: str) -> bool:
    [outcome] = await asyncio.gather(authenticator.authenticate(token), return_exceptions=True)
    if isinstance(outcome, NotAuthenticated):
        assert (outcome.args, outcome.__cause__) == ((REFUSAL,), None)
    return isinstance(outcome, NotAuthenticated)


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
async def test_refuses_what_only_begins_like_a_key_without_asking_the_store(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, token: str
) -> None:
    assert await is_refused(authenticator, token)
    assert keys.reads == []


async def test_an_altered_key_is_refused_whether_its_id_is_known_or_not(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    token = keys.make(api_key())
    altered = [token[:-1] + ("0" if token[-1] != "0" else "1"), token[:20] + token[20:].swapcase()]
    for other in altered:
        assert await is_refused(authenticator, other)
    assert keys.reads == []
    assert await authenticator.authenticate(token)
    for other in altered:
        assert await is_refused(authenticator, other)


async def test_refuses_alike_whatever_is_wrong(authenticator: ApiKeyAuthenticator, keys: WatchedKeys) -> None:
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
    assert [name for name, token in tokens.items() if not await is_refused(authenticator, token)] == []
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

    monkeypatch.setattr("orderkeep.application.api_key_authentication.compare_digest", compare)
    for token in (keys.make(api_key()), make_key(os.urandom), keys.make(api_key(expires_at=NOW))):
        assert await is_refused(authenticator, token)
    assert compared == [(64, 64)] * 3
    assert len(keys.reads) == 3


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


async def test_a_key_ends_at_its_time_though_it_is_remembered(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key(expires_at=NOW + TICK))
    assert await authenticator.authenticate(token)
    clock.now += TICK
    assert await is_refused(authenticator, token)
    assert len(keys.reads) == 1


async def test_a_key_that_ends_while_the_store_is_asked_has_ended(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key(expires_at=NOW + TICK))
    keys.go_on.clear()
    asking = asyncio.create_task(is_refused(authenticator, token))
    await keys.asked.wait()
    clock.now += TICK
    keys.go_on.set()
    assert await asking


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
    assert (len(known._known), len(known._unknown), len(known._asking)) == (3, 3, 0)


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


async def test_notes_no_use_of_a_key_that_is_refused(authenticator: ApiKeyAuthenticator, keys: WatchedKeys) -> None:
    assert await is_refused(authenticator, keys.make(api_key(expires_at=NOW)))
    await authenticator.close()
    assert keys.notes == []


async def test_nobody_waits_for_the_note_and_its_failure_fails_no_request(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys
) -> None:
    token = keys.make(api_key())
    await authenticator._known.look_up(id_of(token))
    keys.go_on.clear()
    keys.is_away = True
    for _ in range(3):
        assert await authenticator.authenticate(token)  # and does not wait
        await asyncio.sleep(0)
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    keys.go_on.set()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert said == []
    assert len(keys.notes) == 1


async def test_a_note_that_failed_is_not_tried_again_by_the_next_request(
    authenticator: ApiKeyAuthenticator, keys: WatchedKeys, clock: Clock
) -> None:
    token = keys.make(api_key())
    await authenticator._known.look_up(id_of(token))
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
