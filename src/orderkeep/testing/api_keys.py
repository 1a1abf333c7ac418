"""API keys to test with, no two fields of one equal, and what every store of API keys must do, as a pytest class."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderkeep.application.access.actor import ActorKind, Scope
from orderkeep.application.access.api_keys import ApiKey, ApiKeyStore
from orderkeep.application.ports import ListPosition

SINCE = datetime(2026, 3, 4, 5, 6, 7, 890_123, UTC)
"""Key number n is created n seconds later."""

TICK = timedelta(microseconds=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
USED = SINCE + timedelta(days=3, microseconds=5)
REVOKED = SINCE + timedelta(days=4, microseconds=7)


def api_key(number: int = 1, **changes: Any) -> ApiKey:
    """Return a staff key with these changes of its fields."""
    values: dict[str, Any] = {
        "id": f"Key{number:07}",
        "name": f"till {number}",
        "digest": f"{number:064x}",
        "kind": ActorKind.STAFF,
        "scopes": frozenset({Scope.READ, Scope.SHIP}),
        "created_at": SINCE + timedelta(seconds=number),
    }
    return ApiKey(**values | changes)


def customers_key(number: int = 1, **changes: Any) -> ApiKey:
    """Return a customer's key with these changes of its fields."""
    theirs = {"kind": ActorKind.CUSTOMER, "user_id": f"user-{number}", "scopes": frozenset[Scope]()}
    return api_key(number, **theirs | changes)


def full_key(number: int = 1) -> ApiKey:
    """Return a staff key that has expired, was used and was revoked."""
    ends = SINCE + timedelta(days=90, microseconds=3)
    return api_key(number, expires_at=ends, last_used_at=USED, revoked_at=REVOKED)


class ApiKeyStoreContract:
    """Derive from it, and add a fixture `keys`: an empty store of API keys, opened for each test."""

    pytestmark = pytest.mark.asyncio

    @pytest.mark.parametrize(
        "key",
        [api_key(), customers_key(2), full_key(3), api_key(4, scopes=frozenset(Scope)), api_key(5, scopes=frozenset())],
        ids=["staff", "customer", "all fields", "all scopes", "no scope"],
    )
    async def test_keeps_every_field_of_a_key(self, keys: ApiKeyStore, key: ApiKey) -> None:
        assert await keys.add(key)
        assert await keys.get(key.id) == key
        assert await keys.list_newest(None, 9) == [key]

    @pytest.mark.parametrize("text", ["Größe 🎁", "'; --", '"a\\b"', "%_", " ", "ﷺ" * 50])
    async def test_keeps_texts_of_every_script(self, keys: ApiKeyStore, text: str) -> None:
        key = customers_key(name=text, user_id=f"{text}1")
        await keys.add(key)
        assert await keys.get(key.id) == key

    @pytest.mark.parametrize("moment", [SINCE, SINCE + TICK, FIRST, FIRST + TICK, LAST - TICK, LAST])
    async def test_keeps_times_to_the_microsecond(self, keys: ApiKeyStore, moment: datetime) -> None:
        key = api_key(created_at=moment, expires_at=moment)
        await keys.add(key)
        await keys.note_use(key.id, moment)
        await keys.revoke(key.id, moment)
        assert await keys.get(key.id) == replace(key, last_used_at=moment, revoked_at=moment)

    async def test_knows_no_key_that_was_not_added(self, keys: ApiKeyStore) -> None:
        assert await keys.list_newest(None, 9) == []
        await keys.add(api_key())
        for other in ("KEY0000001", "key0000001", "Key0000002", "Key000000", "Key00000011"):
            assert await keys.revoke(other, REVOKED) is None
            await keys.note_use(other, USED)
            assert await keys.get(other) is None
        assert await keys.list_newest(None, 9) == [api_key()]

    async def test_adds_no_key_over_another(self, keys: ApiKeyStore) -> None:
        await keys.add(full_key())
        assert not await keys.add(customers_key())
        assert await keys.get(full_key().id) == full_key()
        assert await keys.list_newest(None, 9) == [full_key()]

    async def test_adds_one_of_many_at_once(self, keys: ApiKeyStore) -> None:
        many = [api_key(name=f"writer {number}", digest=f"{number:064}") for number in range(20)]
        added = await asyncio.gather(*(keys.add(key) for key in many))
        assert added.count(True) == 1
        assert await keys.list_newest(None, 9) == [many[added.index(True)]]

    async def test_keeps_the_first_revocation(self, keys: ApiKeyStore) -> None:
        await keys.add(api_key(1))
        await keys.add(api_key(2))
        revoked = replace(api_key(1), revoked_at=REVOKED)
        for moment in (REVOKED, REVOKED + TICK, REVOKED - TICK):
            assert await keys.revoke(api_key(1).id, moment) == revoked
            assert await keys.get(api_key(1).id) == revoked
        assert await keys.list_newest(None, 9) == [api_key(2), revoked]

    async def test_notes_the_last_use_whatever_comes_late(self, keys: ApiKeyStore) -> None:
        await keys.add(api_key(1))
        await keys.add(api_key(2))
        for moment, known in ((USED, USED), (USED + TICK, USED + TICK), (USED - TICK, USED + TICK)):
            await keys.note_use(api_key(1).id, moment)
            assert await keys.get(api_key(1).id) == replace(api_key(1), last_used_at=known)
        assert await keys.get(api_key(2).id) == api_key(2)

    async def test_concurrent_use_does_not_undo_revocation(self, keys: ApiKeyStore) -> None:
        many = [api_key(number) for number in range(10)]
        for key in many:
            await keys.add(key)
        notes = [keys.note_use(key.id, USED + step * TICK) for step in range(3) for key in many]
        await asyncio.gather(*notes, *(keys.revoke(key.id, REVOKED) for key in many))
        used = [replace(key, last_used_at=USED + 2 * TICK, revoked_at=REVOKED) for key in reversed(many)]
        assert await keys.list_newest(None, 99) == used

    @pytest.mark.parametrize("size", [1, 2, 5, 23, 24, 99])
    async def test_pages_through_all_keys_newest_first(self, keys: ApiKeyStore, size: int) -> None:
        listed, found, after = await _many(keys), list[ApiKey](), None
        while page := await keys.list_newest(after, size):
            assert len(page) == min(size, len(listed) - len(found))
            found += page
            after = ListPosition(page[-1].created_at, page[-1].id)
        assert found == listed

    async def test_goes_on_behind_any_place_a_key_need_not_be_there(self, keys: ApiKeyStore) -> None:
        listed = await _many(keys)
        between = ListPosition(listed[5].created_at, "~")
        older = [key for key in listed if key.created_at <= between.created_at]
        assert await keys.list_newest(between, 99) == older
        assert await keys.list_newest(ListPosition(FIRST, "0"), 99) == []
        assert await keys.list_newest(ListPosition(LAST, "z"), 99) == listed

    async def test_serves_another_event_loop(self, keys: ApiKeyStore) -> None:
        await keys.add(api_key(1))

        async def elsewhere() -> ApiKey | None:
            await keys.add(api_key(2))
            return await keys.get(api_key(1).id)

        assert await asyncio.to_thread(asyncio.run, elsewhere()) == api_key(1)
        assert await keys.get(api_key(2).id) == api_key(2)


async def _many(keys: ApiKeyStore) -> list[ApiKey]:
    """Add keys, three at each instant, and not in the order of their ids; revoke one; return them as a list must."""
    many = [api_key(number * 37 % 101, created_at=SINCE + number // 3 * TICK) for number in range(23)]
    for key in many:
        await keys.add(key)
    many[3] = replace(many[3], revoked_at=REVOKED)
    await keys.revoke(many[3].id, REVOKED)
    return sorted(many, key=lambda key: (key.created_at, key.id), reverse=True)
