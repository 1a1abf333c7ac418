"""Browser sessions: `start_session`, `start_openid_session`, `resume_session`, `end_session`."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.access.api_keys import id_of_key
from orderkeep.application.access.openid_sign_in import (
    TIME_TO_SIGN_IN,
    Failure,
    SignedIn,
    SignIn,
    SignInFailed,
    SignInProvider,
)
from orderkeep.application.access.sessions import IDLE, KIND, LIFETIME, NOTED_EVERY
from orderkeep.application.errors import InvalidCredentials
from orderkeep.application.use_cases.start_openid_session import KIND as COMPLETED
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.domain.exceptions import StoreUnusable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BROWSER = "b" * 43


MIRA = Actor(ActorKind.STAFF, "https://login.example#mira", frozenset({Scope.READ, Scope.CANCEL}))


class People(SignInProvider):
    """A provider in memory: signs in Mira with any code, and notes what it was given."""

    def __init__(self) -> None:
        self.fingerprint = "first"
        self.expires_at = NOON + timedelta(hours=2)
        self.given: list[tuple[Mapping[str, str], SignIn]] = []
        self.is_closed = False

    async def url_of(self, sign_in: SignIn) -> str:
        return f"https://login.example/?state={sign_in.state}"

    async def redeem(self, response: Mapping[str, str], sign_in: SignIn) -> SignedIn:
        self.given.append((response, sign_in))
        return SignedIn(MIRA, self.expires_at)

    async def close(self) -> None:
        self.is_closed = True


class Sessions:
    """The use cases on one store, at a time that a test sets."""

    def __init__(self) -> None:
        self.now = NOON
        self.people = People()
        self.store = InMemoryOrderRepository()
        authenticator = ApiKeyAuthenticator(self.store.api_keys(), lambda: self.now)
        self.do: UseCases = build_use_cases(self.store, authenticators=[authenticator], sign_in=self.people)
        for use_case in (self.do.create_api_key, self.do.start_session, self.do.resume_session, self.do.revoke_api_key):
            use_case.clock = lambda: self.now
        self.do.start_openid_session.clock = lambda: self.now

    async def at_provider(self, browser: str = BROWSER) -> dict[str, str]:
        """Start a sign-in, and return the parameters of the provider's response."""
        url = await self.do.start_openid_session.url(browser)
        return {"code": "1", "state": url.partition("state=")[2]}

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


async def test_session_of_a_provider_has_the_actor_of_the_token(sessions: Sessions) -> None:
    started = await sessions.do.start_openid_session.execute(BROWSER, await sessions.at_provider())
    assert started.actor == await sessions.do.resume_session.execute(started.token) == MIRA
    assert started.token not in f"{await sessions.stored()} {started}"


async def test_sign_ins_have_different_states_nonces_and_verifiers(sessions: Sessions) -> None:
    for browser in (BROWSER, BROWSER, "c" * 43):
        await sessions.do.start_openid_session.execute(browser, await sessions.at_provider(browser))
    found = [
        value for _, sign_in in sessions.people.given for value in (sign_in.state, sign_in.nonce, sign_in.verifier)
    ]
    assert len(set(found)) == 9
    assert all(43 <= len(each) <= 128 and BROWSER not in each for each in found)


async def failure_of(sessions: Sessions, response: Mapping[str, str], browser: str = BROWSER) -> Failure:
    with pytest.raises(SignInFailed) as failed:
        await sessions.do.start_openid_session.execute(browser, response)
    return failed.value.failure


@pytest.mark.parametrize("browser", ["", "c" * 43])
async def test_sign_in_belongs_to_a_browser(sessions: Sessions, browser: str) -> None:
    assert await failure_of(sessions, await sessions.at_provider(), browser) is Failure.STATE
    assert sessions.people.given == []


async def test_state_that_the_service_did_not_make_is_rejected(sessions: Sessions) -> None:
    response = await sessions.at_provider()
    state = response["state"]
    id_, _, proof = state.partition(".")
    other_id = id_[:-1] + ("1" if id_[-1] == "0" else "0")
    for changed in ("", state[:-1], f"{state}A", f"{other_id}.{proof}", f"{id_}.{'A' * 43}"):
        assert await failure_of(sessions, {**response, "state": changed}) is Failure.STATE
    assert await failure_of(sessions, {"code": "1"}) is Failure.STATE
    assert sessions.people.given == []


async def test_sign_in_is_completed_once(sessions: Sessions) -> None:
    response = await sessions.at_provider()
    await sessions.do.start_openid_session.execute(BROWSER, response)
    assert await failure_of(sessions, response) is Failure.STATE
    assert len(await sessions.stored()) == 1


async def test_sign_in_expires(sessions: Sessions) -> None:
    response = await sessions.at_provider()
    sessions.now = NOON + TIME_TO_SIGN_IN + SECOND
    assert await failure_of(sessions, response) is Failure.EXPIRED
    sessions.now -= SECOND
    await sessions.do.start_openid_session.execute(BROWSER, response)


async def test_completed_sign_ins_are_kept_until_they_expire(sessions: Sessions) -> None:
    counts = []
    for after in (timedelta(0), TIME_TO_SIGN_IN, TIME_TO_SIGN_IN + SECOND):
        sessions.now = NOON + after
        await sessions.do.start_openid_session.execute(BROWSER, await sessions.at_provider())
        counts.append(len(await sessions.store.records().list_records(COMPLETED)))
    assert counts == [1, 2, 2]


async def test_session_ends_with_its_access_token(sessions: Sessions) -> None:
    sessions.people.expires_at = NOON + IDLE / 2
    token = (await sessions.do.start_openid_session.execute(BROWSER, await sessions.at_provider())).token
    sessions.now = NOON + IDLE / 2 - SECOND
    assert await sessions.is_valid(token)
    sessions.now += SECOND
    assert not await sessions.is_valid(token)


async def test_session_of_a_provider_ends_after_the_lifetime_of_sessions(sessions: Sessions) -> None:
    sessions.people.expires_at = NOON + 2 * LIFETIME
    token = (await sessions.do.start_openid_session.execute(BROWSER, await sessions.at_provider())).token
    while sessions.now < NOON + LIFETIME:
        assert await sessions.is_valid(token)
        sessions.now += IDLE / 2
    assert not await sessions.is_valid(token)


async def test_token_that_has_expired_starts_no_session(sessions: Sessions) -> None:
    sessions.people.expires_at = NOON
    assert await failure_of(sessions, await sessions.at_provider()) is Failure.CLOCK
    assert await sessions.stored() == []


async def test_session_ends_with_the_configuration_of_its_provider(sessions: Sessions) -> None:
    token = (await sessions.do.start_openid_session.execute(BROWSER, await sessions.at_provider())).token
    sessions.people.fingerprint = "second"
    assert not await sessions.is_valid(token)
    sessions.people.fingerprint = "first"
    sessions.do.resume_session.provider = None
    assert not await sessions.is_valid(token)


@pytest.mark.parametrize("method", ["keys", "jwt"])
async def test_session_ends_when_its_method_is_disabled(sessions: Sessions, method: str) -> None:
    key = (await sessions.do.start_session.execute(await sessions.key())).token
    login = (await sessions.do.start_openid_session.execute(BROWSER, await sessions.at_provider())).token
    enabled, disabled = (key, login) if method == "keys" else (login, key)
    await sessions.do.resume_session.execute(enabled, {method})
    with pytest.raises(InvalidCredentials):
        await sessions.do.resume_session.execute(disabled, {method})


async def test_without_a_provider_no_sign_in_starts(sessions: Sessions) -> None:
    response = await sessions.at_provider()
    without = build_use_cases(sessions.store)
    assert (sessions.do.start_openid_session.is_configured, without.start_openid_session.is_configured) == (True, False)
    with pytest.raises(SignInFailed, match="settings"):
        await without.start_openid_session.execute(BROWSER, response)
    await without.close()


async def test_provider_is_closed_with_the_store(sessions: Sessions) -> None:
    await sessions.do.close()
    assert sessions.people.is_closed


async def test_store_without_records_says_so() -> None:
    from orderkeep.bootstrap.stores import records_of

    with pytest.raises(StoreUnusable, match="supports neither"):
        records_of(object())  # type: ignore[arg-type]
