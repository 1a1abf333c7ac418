"""Whatever is sent over HTTP, and whatever fails: no log, problem document, metric or header repeats it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import UseCases, bootstrap, build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.config import Settings
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.api.app import create_app
from orderkeep.infrastructure.dynamo_repo import errors as dynamo_errors
from orderkeep.infrastructure.postgres_repo import errors as postgres_errors
from orderkeep.infrastructure.sqlite_repo import errors as sqlite_errors
from tests.entrypoints.lambda_calls import Request
from tests.leaks.canaries import EMAIL, VALUE, bad, good, placed
from tests.leaks.listening import hold, hold_answer, listening

Ask = Callable[[Request], Any]

STAFF = Actor(ActorKind.STAFF, EMAIL, EVERY_SCOPE)


@asynccontextmanager
async def asking(use_cases: UseCases, **settings: Any) -> AsyncIterator[Ask]:
    """Yield what sends a request, as from staff whose id is a canary, and holds its answer to what may be told."""
    given = {"auth": "authorizer", "access_log": True, "rate_limit": 0, "rate_limit_per_address": 0, **settings}
    app = create_app(Settings(**given), use_cases, caller_of=lambda _: STAFF if given["auth"] == "authorizer" else None)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def ask(request: Request) -> httpx.Response:
            headers = [(name.encode(), value.encode()) for name, value in request.headers]
            answer = await client.request(request.method, request.target, headers=headers, content=request.body)
            hold_answer(f"{request.method} {request.target}", answer.status_code, answer.headers, answer.content)
            return answer

        yield ask


async def ask_all(ask: Ask) -> set[int]:
    """Ask for everything there is, rightly and wrongly, and return the statuses of the answers."""
    answer = await ask(placed())
    assert answer.status_code == 201, answer.text
    order_id = answer.json()["id"]
    assert VALUE in answer.text
    requests = [*bad(order_id), *good(order_id), *bad(order_id), Request("GET", "/metrics")]
    assert len(requests) > 400
    return {(await ask(request)).status_code for request in requests}


def test_no_data_of_a_request_leaks(store_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def ask_the_store() -> set[int]:
        use_cases = bootstrap(store_url, documents_url="memory://")
        try:
            async with asking(use_cases, cors_origins="https://shop.example") as ask:
                return await ask_all(ask)
        finally:
            await use_cases.close()

    with listening():
        statuses = asyncio.run(ask_the_store())
    hold("what was printed", "".join(capfd.readouterr()))
    assert {200, 201, 400, 404, 405, 412, 413, 415, 422} <= statuses
    assert max(statuses) < 500


@pytest.mark.parametrize("auth, status", [("keys", 401), ("", 403)], ids=["who is not known", "a page of elsewhere"])
def test_no_data_of_a_rejected_request_leaks(auth: str, status: int, capfd: pytest.CaptureFixture[str]) -> None:
    async def ask_in_vain() -> set[int]:
        use_cases = bootstrap("memory://", documents_url="memory://")
        async with asking(use_cases, auth=auth) as ask:
            return {(await ask(request)).status_code for request in (placed(), *good("o-1"), *bad("o-1"))}

    with listening():
        statuses = asyncio.run(ask_in_vain())
    hold("what was printed", "".join(capfd.readouterr()))
    assert status in statuses
    assert not {201, 422} & statuses if auth else 201 not in statuses


def postgres_error() -> Exception:
    error: Any = asyncpg.UniqueViolationError(f"duplicate key value violates {VALUE}")
    error.sqlstate, error.detail = "23505", f"Key (external_ref)=({EMAIL}) already exists."
    found: Exception = error
    return found


def validation_error() -> Exception:
    try:
        TypeAdapter(int).validate_python(VALUE)
    except ValidationError as error:
        return error
    raise AssertionError


def undecodable() -> Exception:
    return UnicodeDecodeError("utf-8", VALUE.encode() + b"\xff", len(VALUE), len(VALUE) + 1, VALUE)


BREAKS: dict[str, Callable[[], BaseException]] = {
    "sqlite": lambda: sqlite_errors.translated(
        sqlite3.IntegrityError(f"UNIQUE constraint failed: {EMAIL}"), Path("orders.db")
    ),
    "postgres": lambda: postgres_errors.translated(postgres_error()),
    "dynamodb": lambda: dynamo_errors.translated(
        dynamo_errors.DynamoError("ValidationException", f"one of {EMAIL} is not valid", ["None"])
    ),
    "a store that is away, for a reason": lambda: _from(StoreUnavailable("the disk is full"), OSError(EMAIL)),
    "a driver's error that nobody caught": postgres_error,
    "a key error": lambda: KeyError(EMAIL),
    "what pydantic says": validation_error,
    "what is no text": undecodable,
    "a group": lambda: ExceptionGroup(EMAIL, [KeyError(EMAIL), _from(ValueError(EMAIL), postgres_error())]),
    "an exception with notes": lambda: _noted(ValueError(EMAIL)),
    "an assertion": lambda: AssertionError(f"{EMAIL!r} == 'x'"),
}
"""What a store's own errors and our own bugs may say."""


def _from(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def _noted(error: Exception) -> Exception:
    error.add_note(EMAIL)
    return error


def breaking(store: OrderStore, error: Callable[[], BaseException]) -> OrderStore:
    """Return the store, which fails at whatever is asked of it."""

    async def fail(*_: Any, **__: Any) -> Any:
        raise error()

    for name in OrderStore.__abstractmethods__ - {"close"}:
        setattr(store, name, fail)
    return store


@pytest.mark.parametrize("error", BREAKS.values(), ids=BREAKS.keys())
async def test_no_exception_leaks_data(error: Callable[[], BaseException], capfd: pytest.CaptureFixture[str]) -> None:
    use_cases = build_use_cases(breaking(open_store("memory://"), error))
    requests = [
        placed(),
        *good("o-1"),
        Request("GET", "/readyz"),
        Request("GET", "/orders/o-1?at=2026-11-22T10:00:00Z"),
    ]
    with listening():
        async with asking(use_cases) as ask:
            statuses = {(await ask(request)).status_code for request in requests}
    hold("what was printed", "".join(capfd.readouterr()))
    assert statuses & {500, 503}
