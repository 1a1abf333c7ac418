"""Making a key: it is shown once, and what is kept of it says whose it is and how long it counts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderkeep.application.access.actor import Actor, ActorKind, Scope
from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.access.api_keys import digest_of_key
from orderkeep.application.errors import ExpiryPassed, IdempotencyKeyReused, ScopesMissing, ScopesNotTaken, UnknownScope
from orderkeep.application.use_cases.create_api_key import CreateApiKeyUseCase
from orderkeep.domain.exceptions import InvalidInput, TextMissing, TextNotPrintable, TextTooLong
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository

NOW = datetime(2026, 7, 8, 9, 10, 11, 12, UTC)
SCOPES = ("orders:read", "orders:ship")


@pytest.fixture
def store() -> InMemoryOrderRepository:
    return InMemoryOrderRepository()


@pytest.fixture
def create(store: InMemoryOrderRepository) -> Callable[..., Any]:
    return CreateApiKeyUseCase(store.api_keys, lambda: NOW).execute


async def test_makes_a_key_for_staff(store: InMemoryOrderRepository, create: Callable[..., Any]) -> None:
    made = await create("till 3", scopes=[*SCOPES, "orders:read"], expires_at=NOW + timedelta(microseconds=1))
    assert (made.kept.name, made.kept.kind, made.kept.user_id) == ("till 3", ActorKind.STAFF, None)
    assert made.kept.scopes == {Scope.READ, Scope.SHIP}
    assert (made.kept.created_at, made.kept.expires_at) == (NOW, NOW + timedelta(microseconds=1))
    assert (made.kept.revoked_at, made.kept.last_used_at) == (None, None)
    assert await store.api_keys().get(made.kept.id) == made.kept


async def test_makes_a_key_for_a_customer(create: Callable[..., Any]) -> None:
    made = await create("app", user_id="user-42")
    assert (made.kept.kind, made.kept.user_id, made.kept.scopes) == (ActorKind.CUSTOMER, "user-42", frozenset())
    assert made.kept.expires_at is None


async def test_keeps_the_digest_of_the_key_and_nowhere_the_key(
    store: InMemoryOrderRepository, create: Callable[..., Any]
) -> None:
    made = await create("till", scopes=SCOPES)
    assert made.kept.digest == digest_of_key(made.key)
    assert made.key.startswith(f"ok_{made.kept.id}_")
    secret = made.key[14:]
    assert secret not in repr(made)
    assert all(secret not in str(value) for value in vars(store.api_keys())["_keys"].values())


async def test_repeated_request_creates_one_key(store: InMemoryOrderRepository, create: Callable[..., Any]) -> None:
    given = {"scopes": SCOPES, "expires_at": NOW + timedelta(days=1), "key": "form-1"}
    made = await create("till", **given)
    await store.api_keys().note_use(made.kept.id, NOW)
    again = await create("till", **given)
    assert (again.key, again.kept.id, again.kept.digest) == ("", made.kept.id, made.kept.digest)
    assert (made.replayed, again.replayed) == (False, True)
    other = await create("till", **given | {"key": "form-2"})
    theirs = await create("till", **given, actor=Actor(ActorKind.STAFF, "key:a", frozenset({Scope.ADMIN})))
    assert len({each.kept.id for each in (made, other, theirs)}) == len({made.key, other.key, theirs.key}) == 3


@pytest.mark.parametrize(
    "other", [{"name": "app"}, {"scopes": ("orders:pay",)}, {"expires_at": None}, {"scopes": (), "user_id": "ada"}]
)
async def test_repeated_request_with_other_values_is_rejected(
    store: InMemoryOrderRepository, create: Callable[..., Any], other: dict[str, Any]
) -> None:
    given = {"name": "till", "scopes": SCOPES, "expires_at": NOW + timedelta(days=1), "key": "form-1"}
    made = await create(**given)
    with pytest.raises(IdempotencyKeyReused):
        await create(**given | other)
    assert await store.api_keys().list_newest(None, 9) == [made.kept]


async def test_key_authenticates_its_actor(store: InMemoryOrderRepository, create: Callable[..., Any]) -> None:
    made = await create("till", scopes=SCOPES)
    authenticator = ApiKeyAuthenticator(store.api_keys())
    assert await authenticator.authenticate(made.key) == made.kept.actor
    await authenticator.close()


async def test_takes_a_time_without_an_offset_as_utc(create: Callable[..., Any]) -> None:
    made = await create("till", scopes=SCOPES, expires_at=datetime(2027, 1, 2))  # noqa: DTZ001
    assert made.kept.expires_at == datetime(2027, 1, 2, tzinfo=UTC)


async def test_missing_scope_names_the_scopes(create: Callable[..., Any]) -> None:
    with pytest.raises(ScopesMissing, match=r"unless the key belongs to a customer: use orders:read, orders:write, "):
        await create("till", scopes=())


@pytest.mark.parametrize(
    "given, error, field",
    [
        ({"name": ""}, TextMissing, "name"),
        ({"name": "  "}, TextMissing, "name"),
        ({"name": "é" * 101}, TextTooLong, "name"),
        ({"name": "till\x1b[2J"}, TextNotPrintable, "name"),
        ({"scopes": ()}, ScopesMissing, "scopes"),
        ({"scopes": ("orders:read", "orders:delete")}, UnknownScope, "scopes/1"),
        ({"scopes": ("READ",)}, UnknownScope, "scopes/0"),
        ({"user_id": "user-42"}, ScopesNotTaken, "scopes"),
        ({"user_id": "", "scopes": ()}, TextMissing, "user_id"),
        ({"user_id": "u" * 129, "scopes": ()}, TextTooLong, "user_id"),
        ({"user_id": "user\n42", "scopes": ()}, TextNotPrintable, "user_id"),
        ({"expires_at": NOW}, ExpiryPassed, "expires_at"),
        ({"expires_at": NOW - timedelta(days=1)}, ExpiryPassed, "expires_at"),
    ],
)
async def test_rejects_what_makes_no_sense_and_makes_nothing(
    store: InMemoryOrderRepository,
    create: Callable[..., Any],
    given: dict[str, Any],
    error: type[InvalidInput],
    field: str,
) -> None:
    values: dict[str, Any] = {"name": "till", "scopes": SCOPES} | given
    with pytest.raises(error, match=r"^must ") as refused:
        await create(values.pop("name"), **values)
    assert refused.value.field == field
    assert await store.api_keys().list_newest(None, 9) == []


async def test_takes_names_up_to_their_bound(create: Callable[..., Any]) -> None:
    assert (await create("é" * 100, scopes=SCOPES)).kept.name == "é" * 100


async def test_makes_no_key_where_chance_repeats_itself(store: InMemoryOrderRepository) -> None:
    create = CreateApiKeyUseCase(store.api_keys, lambda: NOW, bytes)
    first = await create.execute("first", scopes=SCOPES)
    with pytest.raises(RuntimeError, match="random numbers"):
        await create.execute("second", scopes=SCOPES)
    assert await store.api_keys().list_newest(None, 9) == [first.kept]
