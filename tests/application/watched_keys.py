"""A store of API keys that counts and delays its calls, an authenticator on it, and a clock that the test moves."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.access.api_keys import ApiKey, digest_of_key, id_of_key, make_key
from orderkeep.application.errors import InvalidCredentials
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.memory_repo import InMemoryApiKeys, InMemoryOrderRepository
from orderkeep.testing.api_keys import SINCE

NOW = SINCE + timedelta(days=9)
REFUSAL = "the credentials are not valid: use an active API key or an unexpired access token"


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
        self.get_called, self.resume = asyncio.Event(), asyncio.Event()
        self.resume.set()
        self.is_away = False

    async def get(self, key_id: str) -> ApiKey | None:
        self.reads.append(key_id)
        self.get_called.set()
        await self.resume.wait()
        self._refuse_if_away()
        return await super().get(key_id)

    async def note_use(self, key_id: str, at: datetime) -> None:
        self.notes.append((key_id, at))
        await self.resume.wait()
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


async def is_rejected(authenticator: ApiKeyAuthenticator, token: str) -> bool:
    [outcome] = await asyncio.gather(authenticator.authenticate(token), return_exceptions=True)
    if isinstance(outcome, InvalidCredentials):
        assert (outcome.args, outcome.__cause__) == ((REFUSAL,), None)
    return isinstance(outcome, InvalidCredentials)
