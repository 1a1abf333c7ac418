"""An API key is revoked permanently, by its ID or by the key itself."""

import os
from dataclasses import replace

import pytest

from orderkeep.application.access.api_keys import id_of_key, make_key
from orderkeep.application.errors import ApiKeyNotFound
from orderkeep.application.use_cases.revoke_api_key import RevokeApiKeyUseCase
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.api_keys import REVOKED, TICK, api_key

KEY = make_key(os.urandom)
KEPT = api_key(id=id_of_key(KEY))


@pytest.fixture
async def store() -> InMemoryOrderRepository:
    store = InMemoryOrderRepository()
    await store.api_keys().add(KEPT)
    return store


@pytest.mark.parametrize("given", [KEPT.id, f"ok_{KEPT.id}", KEY], ids=["its id", "its beginning", "the key"])
async def test_revokes_a_key(store: InMemoryOrderRepository, given: str) -> None:
    revoked = await RevokeApiKeyUseCase(store.api_keys, lambda: REVOKED).execute(given)
    assert revoked == replace(KEPT, revoked_at=REVOKED)
    assert await store.api_keys().get(KEPT.id) == revoked


async def test_a_key_that_was_revoked_stays_so_from_then_on(store: InMemoryOrderRepository) -> None:
    await RevokeApiKeyUseCase(store.api_keys, lambda: REVOKED).execute(KEPT.id)
    again = await RevokeApiKeyUseCase(store.api_keys, lambda: REVOKED + TICK).execute(KEPT.id)
    assert again.revoked_at == REVOKED


@pytest.mark.parametrize("given", ["Key0000009", "", "no key\0", make_key(bytes), KEPT.id + "x"], ids=[*"abcde"])
async def test_there_is_nothing_to_revoke_where_there_is_no_key(store: InMemoryOrderRepository, given: str) -> None:
    with pytest.raises(ApiKeyNotFound, match=r"^API key not found$"):
        await RevokeApiKeyUseCase(store.api_keys).execute(given)
    assert await store.api_keys().get(KEPT.id) == KEPT
