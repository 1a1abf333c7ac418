"""Browser sessions: `start_session`, `resume_session`, `end_session`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.access.api_keys import id_of_key
from orderkeep.application.access.sessions import IDLE, KIND, LIFETIME, NOTED_EVERY
from orderkeep.application.errors import InvalidCredentials
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Sessions:
    """The use cases on one store, at a time that a test sets."""

    def __init__(self) -> None:
        self.now = NOON
        self.store = InMemoryOrderRepository()
        authenticator = ApiKeyAuthenticator(self.store.api_keys(), lambda: self.now)
        self.do: UseCases = build_use_cases(self.store, authenticators=[authenticator])
        for use_case in (self.do.create_api_key, self.do.start_session, self.do.resume_session, self.do.revoke_api_key):
            use_case.clock = lambda: self.now

    async def key(self, **of: object) -> str:
        return (await self.do.create_api_key.execute("Ann", **({"scopes": ["orders:read"]} | of))).key  # type: ignore[arg-type]

    async def is_valid(self, token: str) -> bool:
        try:
            await self.do.resume_session.execute(token)
        except InvalidCredentials:
            return False
        return True

    async def stored(self) -> list[dict[str, str]]:
        return [json.loads(record.content) for record in await self.store.records().list_records(KIND)]


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


async def test_session_has_the_actor_of_its_key(sessions: Sessions) -> None:
    key = await sessions.key()
    started = await sessions.do.start_session.execute(key)
    expected = Actor(ActorKind.STAFF, f"key:{id_of_key(key)}", frozenset({Scope.READ}))
    assert started.actor == await sessions.do.resume_session.execute(started.token) == expected


async def test_session_of_a_customer_is_a_customer(sessions: Sessions) -> None:
    started = await sessions.do.start_session.execute(await sessions.key(scopes=[], user_id="user-42"))
    assert await sessions.do.resume_session.execute(started.token) == Actor(ActorKind.CUSTOMER, "user-42")


@pytest.mark.parametrize("key", ["", "wrong", "ok_0123456789_" + "0" * 49, "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"])
async def test_only_a_valid_key_starts_a_session(sessions: Sessions, key: str) -> None:
    with pytest.raises(InvalidCredentials):
        await sessions.do.start_session.execute(key)
    assert await sessions.stored() == []


async def test_neither_token_nor_key_is_stored(sessions: Sessions) -> None:
    key = await sessions.key()
    started = await sessions.do.start_session.execute(key)
    stored = str(await sessions.store.records().list_records(KIND))
    assert started.token not in stored + repr(started)
    assert key not in stored
    assert len(started.token) == 43


async def test_each_session_has_its_own_token(sessions: Sessions) -> None:
    key = await sessions.key()
    first, second = [(await sessions.do.start_session.execute(key)).token for _ in range(2)]
    assert first != second
    await sessions.do.end_session.execute(first)
    assert (await sessions.is_valid(first), await sessions.is_valid(second)) == (False, True)


async def test_unknown_session_is_invalid_and_can_be_ended(sessions: Sessions) -> None:
    await sessions.do.end_session.execute("unknown")
    assert not await sessions.is_valid("unknown")


async def test_session_ends_when_it_is_idle(sessions: Sessions) -> None:
    token = (await sessions.do.start_session.execute(await sessions.key())).token
    sessions.now = NOON + IDLE - SECOND
    assert await sessions.is_valid(token)
    sessions.now += IDLE - SECOND
    assert await sessions.is_valid(token)
    sessions.now += IDLE
    assert not await sessions.is_valid(token)


async def test_session_ends_after_its_lifetime_even_if_it_is_used(sessions: Sessions) -> None:
    token = (await sessions.do.start_session.execute(await sessions.key())).token
    while sessions.now < NOON + LIFETIME:
        assert await sessions.is_valid(token)
        sessions.now += IDLE / 2
    assert not await sessions.is_valid(token)


async def test_session_of_a_clock_that_was_set_back_is_invalid(sessions: Sessions) -> None:
    token = (await sessions.do.start_session.execute(await sessions.key())).token
    sessions.now = NOON - SECOND
    assert not await sessions.is_valid(token)


async def test_use_is_written_every_few_minutes_only(sessions: Sessions) -> None:
    token = (await sessions.do.start_session.execute(await sessions.key())).token
    written = []
    for after in (SECOND, NOTED_EVERY - SECOND, NOTED_EVERY, NOTED_EVERY + SECOND):
        sessions.now = NOON + after
        assert await sessions.is_valid(token)
        written.append((await sessions.stored())[0]["used_at"])
    assert written == [NOON.isoformat()] * 2 + [(NOON + NOTED_EVERY).isoformat()] * 2


@pytest.mark.parametrize("way", ["revoked", "expired"])
async def test_session_ends_with_its_key(sessions: Sessions, way: str) -> None:
    key = await sessions.key(expires_at=NOON + IDLE / 2)
    token = (await sessions.do.start_session.execute(key)).token
    assert await sessions.is_valid(token)
    if way == "revoked":
        await sessions.do.revoke_api_key.execute(id_of_key(key) or "")
    else:
        sessions.now = NOON + IDLE / 2
    assert not await sessions.is_valid(token)


async def test_session_of_a_key_that_does_not_exist_is_invalid(sessions: Sessions) -> None:
    token = (await sessions.do.start_session.execute(await sessions.key())).token
    sessions.do.resume_session.open_keys = lambda: InMemoryOrderRepository().api_keys()
    assert not await sessions.is_valid(token)


async def test_new_session_deletes_those_that_have_ended(sessions: Sessions) -> None:
    key = await sessions.key()
    sessions.do.start_session.randomness = lambda count: bytes(count)  # begins with the first session
    await sessions.do.start_session.execute(key)
    sessions.now += IDLE
    sessions.do.start_session.randomness = lambda count: b"\0" * 8 if count == 8 else b"\1" * count
    await sessions.do.start_session.execute(key)
    assert [each["created_at"] for each in await sessions.stored()] == [(NOON + IDLE).isoformat()]


async def test_store_without_records_says_so() -> None:
    from orderkeep.bootstrap.stores import records_of

    with pytest.raises(StoreUnusable, match="supports neither"):
        records_of(object())  # type: ignore[arg-type]
