"""Stores of API keys of which each has one fault that the contract must find."""

import asyncio
from dataclasses import replace
from datetime import datetime

from orderkeep.application.access.actor import Scope
from orderkeep.application.access.api_keys import ApiKey
from orderkeep.application.ports import ListPosition
from orderkeep.infrastructure.memory_repo import InMemoryApiKeys, InMemoryOrderRepository
from orderkeep.testing.api_keys import api_key


class Sound(InMemoryApiKeys):
    """Has no fault, but for what derives from it."""

    def __init__(self) -> None:
        super().__init__(InMemoryOrderRepository())


class AltersKeys(Sound):
    """Keeps something else than it was given."""

    def altered(self, key: ApiKey) -> ApiKey:
        raise NotImplementedError

    async def add(self, key: ApiKey) -> bool:
        added = await super().add(key)
        if added:
            self._keys[key.id] = self.altered(key)
        return added


class ForgetsWhenKeysEnd(AltersKeys):
    def altered(self, key: ApiKey) -> ApiKey:
        return replace(key, expires_at=None)


class ForgetsWhoseKeyItIs(AltersKeys):
    def altered(self, key: ApiKey) -> ApiKey:
        return replace(key, user_id=None)


class GivesAScopeMore(AltersKeys):
    def altered(self, key: ApiKey) -> ApiKey:
        return replace(key, scopes=key.scopes or frozenset({Scope.READ}))


class KeepsAsciiOnly(AltersKeys):
    def altered(self, key: ApiKey) -> ApiKey:
        return replace(key, name=key.name.encode("ascii", "replace").decode())


class StripsTexts(AltersKeys):
    def altered(self, key: ApiKey) -> ApiKey:
        return replace(key, user_id=key.user_id and key.user_id.strip())


class KeepsMilliseconds(AltersKeys):
    def altered(self, key: ApiKey) -> ApiKey:
        return replace(key, created_at=key.created_at.replace(microsecond=key.created_at.microsecond // 1_000 * 1_000))


class IgnoresCase(Sound):
    async def get(self, key_id: str) -> ApiKey | None:
        return next((key for key in self._keys.values() if key.id.lower() == key_id.lower()), None)


class FindsByTheBeginning(Sound):
    async def get(self, key_id: str) -> ApiKey | None:
        return next((key for key in self._keys.values() if key.id.startswith(key_id)), None)


class Replaces(Sound):
    async def add(self, key: ApiKey) -> bool:
        is_new = key.id not in self._keys
        self._keys[key.id] = key
        return is_new


class SaysThatItAdded(Sound):
    async def add(self, key: ApiKey) -> bool:
        await super().add(key)
        return True


class LooksThenAdds(Sound):
    async def add(self, key: ApiKey) -> bool:
        if key.id in self._keys:
            return False
        await asyncio.sleep(0)
        self._keys[key.id] = key
        return True


class RevokesAll(Sound):
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        for key in list(self._keys):
            await super().revoke(key, at)
        return self._keys.get(key_id)


class SaysOnlyThatItRevoked(Sound):
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        key = self._keys.get(key_id)
        return key and replace(key, revoked_at=at)


class Deletes(Sound):
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        key = self._keys.pop(key_id, None)
        return key and replace(key, revoked_at=at)


class RevokesAnew(Sound):
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        if key_id in self._keys:
            self._keys[key_id] = replace(self._keys[key_id], revoked_at=at)
        return self._keys.get(key_id)


class TakesTheEarlierRevocation(RevokesAnew):
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        known = self._keys[key_id].revoked_at if key_id in self._keys else None
        return await super().revoke(key_id, min(at, known or at))


class RevokesWhatIsNotThere(Sound):
    async def revoke(self, key_id: str, at: datetime) -> ApiKey | None:
        return await super().revoke(key_id, at) or api_key(id=key_id, revoked_at=at)


class NotesWhateverComes(Sound):
    async def note_use(self, key_id: str, at: datetime) -> None:
        if key_id in self._keys:
            self._keys[key_id] = replace(self._keys[key_id], last_used_at=at)


class NotesTheFirstUse(Sound):
    async def note_use(self, key_id: str, at: datetime) -> None:
        if key_id in self._keys and self._keys[key_id].last_used_at is None:
            await super().note_use(key_id, at)


class MakesKeysByUse(Sound):
    async def note_use(self, key_id: str, at: datetime) -> None:
        self._keys.setdefault(key_id, api_key(id=key_id))
        await super().note_use(key_id, at)


class WritesBackWhatItRead(Sound):
    async def note_use(self, key_id: str, at: datetime) -> None:
        key = self._keys.get(key_id)
        await asyncio.sleep(0)
        if key is not None and (key.last_used_at is None or key.last_used_at < at):
            self._keys[key_id] = replace(key, last_used_at=at)


class HidesWhatWasRevoked(Sound):
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        return [key for key in await super().list_newest(after, 999) if key.revoked_at is None][:limit]


class ListsOldestFirst(Sound):
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        return (await super().list_newest(after, 999))[::-1][:limit]


class UnorderedTies(Sound):
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        found = await super().list_newest(after, 999)
        return sorted(found, key=lambda key: (-key.created_at.timestamp(), key.id))[:limit]


class PagesByTimeAlone(Sound):
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        found = await super().list_newest(None, 999)
        return [key for key in found if after is None or key.created_at < after.created_at][:limit]


class GivesOneTooMany(Sound):
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        return await super().list_newest(after, limit + 1)


class NeedsTheKeyItGoesOnFrom(Sound):
    async def list_newest(self, after: ListPosition | None, limit: int) -> list[ApiKey]:
        if after is not None and after.id not in self._keys:
            return []
        return await super().list_newest(after, limit)


class StaysInItsLoop(Sound):
    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def add(self, key: ApiKey) -> bool:
        self._loop = self._loop or asyncio.get_running_loop()
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("attached to a different loop")
        return await super().add(key)
