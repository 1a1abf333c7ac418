"""What all Lambda handlers share: the use cases, wired once, and one event loop, both for the life of the container."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from orderkeep.application.errors import RequestTimedOut
from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.bootstrap.access import AuthenticationNotInstalled
from orderkeep.bootstrap.documents import InvalidDocumentsURL
from orderkeep.bootstrap.stores import InvalidStoreURL, check_table
from orderkeep.config import Settings
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.entrypoints.log_context import current_request
from orderkeep.entrypoints.log_lines import EndedLines
from orderkeep.entrypoints.log_setup import let_only_lines_speak, lines_for
from orderkeep.entrypoints.trace_ids import trace_id_in

log = logging.getLogger("orderkeep.lambda")

INIT_SECONDS = 5.0
"""How long the store may take to answer while a container starts. Lambda allows ten seconds for all of it."""

ANSWER_SECONDS = 0.5
"""What is kept of an invocation's time for the answer: most of it for saying that the store did not."""

_loop = asyncio.new_event_loop()

T = TypeVar("T")


class Context(Protocol):
    """As much of Lambda's context object as we use."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""


class CannotStart(Exception):
    """The function is not set up; the message says what to set or to run."""


def load_settings() -> Settings:
    """Return the settings in the environment. The store must be named: a container's own disk would forget orders.
    `ORDERS_TABLE` may stand for it, by the name of the table. Raises `CannotStart`.
    """
    named: dict[str, Any] = {}
    if not os.environ.get("ORDERKEEP_STORE"):
        if not (table := os.environ.get("ORDERS_TABLE")):
            raise CannotStart("no store is named: set ORDERKEEP_STORE, such as dynamodb://orders")
        named["store"] = f"dynamodb://{table}"
    return read_settings(**named)


def expect_authentication(settings: Settings) -> None:
    """Raise `CannotStart` unless those who ask over HTTP must show who they are."""
    if not settings.authentication:
        raise CannotStart(
            "nobody who asks would have to show who they are: set ORDERKEEP_AUTH to authorizer, for those whom API "
            "Gateway let in, or to keys, for API keys"
        )


def read_settings(**named: Any) -> Settings:
    """Return the settings in the environment, those given by name first. Raises `CannotStart`."""
    try:
        settings = Settings(**named)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        raise CannotStart(f"ORDERKEEP_{str(wrong['loc'][0]).upper()} cannot be used: {wrong['msg'].lower()}") from None
    _log_as(settings)
    return settings


def _log_as(settings: Settings) -> None:
    """Let Lambda's own handler write our lines, which it does not end. By itself it shows warnings alone."""
    logging.getLogger("orderkeep").setLevel(settings.log_level.upper())
    lines = lines_for(settings.log_format)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(lines if isinstance(handler, logging.StreamHandler) else EndedLines(lines))
    let_only_lines_speak()


def log_as_invocation(context: Context) -> None:
    """Let all lines from now on say which invocation they belong to."""
    told = {"request_id": context.aws_request_id, "trace_id": trace_id_in(xray_trace())}
    current_request.set(lambda: told)


def xray_trace() -> str:
    """Return what Lambda says of the trace that the invocation is part of."""
    return os.environ.get("_X_AMZN_TRACE_ID", "")


def wire(settings: Settings | None = None) -> UseCases:
    """Open the store that the settings name, see that it can be used, and return the use cases on it: at import, so
    that a function that is not set up fails before it takes a request. Raises `CannotStart`.

    A store that is only away for the moment does not keep the function from starting.
    """
    return begin_to_wire(settings or load_settings())()


def begin_to_wire(settings: Settings) -> Callable[[], UseCases]:
    """Open the store, and begin to see that it can be used; what is returned goes on as `wire`, once that is known. It
    is the network that this waits for: meanwhile there is time to import what else is needed. Raises `CannotStart`.
    """
    with _explained(settings):
        use_cases = bootstrap_from_settings(settings)
    beside = ThreadPoolExecutor(1)
    seen = beside.submit(lambda: take_over_thread().run_until_complete(_see(use_cases, settings)))
    beside.shutdown(wait=False)  # it ends when that is done

    def go_on() -> UseCases:
        with _explained(settings):
            seen.result()
        take_over_thread()
        return use_cases

    return go_on


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except AuthenticationNotInstalled as error:
        raise CannotStart(f"ORDERKEEP_AUTH cannot be used: {error}") from None
    except InvalidDocumentsURL as error:
        raise CannotStart(f"ORDERKEEP_DOCUMENTS cannot be used: {error}") from None
    except InvalidStoreURL as error:
        raise CannotStart(f"ORDERKEEP_STORE cannot be used: {error}") from None
    except StoreUnusable as error:
        where = f" (the store is {settings.store})" if settings.store.startswith("dynamodb:") else ""
        raise CannotStart(f"the store cannot be used: {error}{where}") from None


def take_over_thread() -> asyncio.AbstractEventLoop:
    """Return the container's one loop, and let it be this thread's: Mangum takes whichever loop the thread has, and
    others may have set theirs, or none.
    """
    asyncio.set_event_loop(_loop)
    return _loop


def run(work: Awaitable[T], context: Context) -> T:
    """Do the work on the container's one loop, and return what it returns. Raises `RequestTimedOut` shortly before
    the invocation's time is over.
    """

    async def bounded() -> T:
        async with within_time_of(context):
            return await work

    return take_over_thread().run_until_complete(bounded())


@asynccontextmanager
async def within_time_of(context: Context) -> AsyncIterator[None]:
    """Cancel the work inside with `RequestTimedOut` while there is time to respond."""
    await asyncio.sleep(0)  # after a freeze: hear first which connections the other side has closed meanwhile
    left = context.get_remaining_time_in_millis() / 1_000
    try:
        async with asyncio.timeout(left - min(ANSWER_SECONDS, left / 4)):
            yield
    except TimeoutError:
        raise RequestTimedOut("the request was not completed in the time that the invocation had") from None


async def _see(use_cases: UseCases, settings: Settings) -> None:
    try:
        async with asyncio.timeout(INIT_SECONDS):
            await use_cases.check_store()
            await check_table(settings.store)
    except StoreUnusable:
        await use_cases.close()
        raise
    except (StoreUnavailable, TimeoutError) as error:
        log.warning("the store does not answer yet", extra={"reason": str(error) or "it took too long"})
