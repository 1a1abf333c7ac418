"""Those who ask over HTTP in tests: an app that wants to know them, and the headers by which each is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from orderkeep.application.access.api_key_authenticator import ApiKeyAuthenticator
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.bootstrap.access import api_keys_of
from orderkeep.infrastructure.memory_documents import InMemoryDocumentStore
from tests.entrypoints.http_calls import http_client
from tests.receipts import PlainReceipts

Headers = dict[str, str]


def use_cases_with_keys(store: OrderStore) -> UseCases:
    """Return the use cases on a store, whose API keys tell who asks."""
    authenticators = [ApiKeyAuthenticator(api_keys_of(store))]
    return build_use_cases(store, InMemoryDocumentStore(), {"html": PlainReceipts()}, authenticators)


@asynccontextmanager
async def guarded_client(use_cases: UseCases, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an app that asks everybody for an API key."""
    limits = {"rate_limit": 0, "rate_limit_per_address": 0}
    async with http_client(use_cases, **{"auth": "keys", **limits, **settings}) as client:
        yield client


async def staff(use_cases: UseCases, *scopes: str) -> Headers:
    """Return the headers of staff with these scopes."""
    return await _known(use_cases, scopes=scopes)


async def customer(use_cases: UseCases, user_id: str) -> Headers:
    """Return the headers of a customer."""
    return await _known(use_cases, user_id=user_id)


async def _known(use_cases: UseCases, *, scopes: Iterable[str] = (), user_id: str | None = None) -> Headers:
    made = await use_cases.create_api_key.execute("tests", scopes=scopes, user_id=user_id)
    return {"Authorization": f"Bearer {made.key}"}
