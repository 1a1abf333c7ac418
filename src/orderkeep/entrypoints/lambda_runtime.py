"""The parts that the Lambda handlers share: settings, use cases and one event loop, for the life of a container."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from orderkeep.application.errors import RequestTimedOut
from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.bootstrap.documents import InvalidDocumentsURL
from orderkeep.bootstrap.events import InvalidEventsURL
from orderkeep.bootstrap.stores import ExtraNotInstalled, InvalidStoreURL, check_table
from orderkeep.config import Settings, unknown_variables
from orderkeep.domain.exceptions import StoreUnavailable, StoreUnusable
from orderkeep.entrypoints.logs import LogFormatter, install_log_hooks

log = logging.getLogger("orderkeep.lambda")

INIT_SECONDS = 5.0
"""How long the store may take to respond while a container starts. Lambda allows ten seconds for the whole start."""

RESPONSE_SECONDS = 0.5
"""The part of an invocation's time that is reserved for the response: mostly for reporting a time-out of the store."""

_SERVICE = re.compile(r"aws:[a-z0-9]{1,30}")

_loop = asyncio.new_event_loop()

T = TypeVar("T")


class Context(Protocol):
    """The attributes of Lambda's context object that are used here."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""


class CannotStart(Exception):
    """The function is not configured; the message says what to set or to run."""


def load_settings() -> Settings:
    """Return the settings of the HTTP function from the environment. The store must be set, because a container's own
    disk is temporary: by `ORDERKEEP_STORE`, or by `ORDERS_TABLE`, the name of a DynamoDB table. So must authentication.
    Raises `CannotStart`.
    """
    named: dict[str, Any] = {}
    if not os.environ.get("ORDERKEEP_STORE"):
        if not (table := os.environ.get("ORDERS_TABLE")):
            raise CannotStart("no store is configured: set ORDERKEEP_STORE, such as dynamodb://orders")
        named["store"] = f"dynamodb://{table}"
    settings = read_settings(**named)
    if not settings.authentication:
        raise CannotStart(
            "authentication is required on Lambda: set ORDERKEEP_AUTH to authorizer, for the callers that API Gateway "
            "authenticates, or to keys, for API keys"
        )
    return settings


def read_settings(**named: Any) -> Settings:
    """Return the settings from the environment, unless given by name, and configure logging. Raises `CannotStart`."""
    try:
        settings = Settings(**named)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CannotStart(f"ORDERKEEP_{str(first['loc'][0]).upper()} is invalid: {first['msg'].lower()}") from None
    logging.getLogger("orderkeep").setLevel(settings.log_level.upper())
    for handler in logging.getLogger().handlers:  # Lambda's own, which does not add line breaks
        end = "" if isinstance(handler, logging.StreamHandler) else "\n"
        handler.setFormatter(LogFormatter(settings.log_format, end=end))
    install_log_hooks()
    for warning in unknown_variables():
        log.warning("unknown setting", extra={"reason": warning})
    return settings


def start_wiring(settings: Settings) -> Future[UseCases]:
    """Open the store and start to check it, in a thread: meanwhile, the handler imports the web framework. Raises
    `CannotStart`, then or now, so that a function that is not configured fails before its first request. A store that
    is temporarily unavailable does not prevent the start.
    """
    with _explained(settings):
        use_cases = bootstrap_from_settings(settings)
    thread = ThreadPoolExecutor(1)
    checked = thread.submit(lambda: install_event_loop().run_until_complete(_checked(use_cases, settings)))
    thread.shutdown(wait=False)  # the thread ends after the check
    return checked


def install_event_loop() -> asyncio.AbstractEventLoop:
    """Set the container's event loop as the loop of this thread, and return it: Mangum uses the thread's loop, which
    other code may have replaced.
    """
    asyncio.set_event_loop(_loop)
    return _loop


def run(work: Awaitable[T], context: Context) -> T:
    """Run the work on the container's event loop. Raises `RequestTimedOut` shortly before the invocation times out."""

    async def bounded() -> T:
        async with time_limit(context):
            return await work

    return install_event_loop().run_until_complete(bounded())


@asynccontextmanager
async def time_limit(context: Context) -> AsyncIterator[None]:
    """Cancel the block with `RequestTimedOut` while there is time left to respond."""
    await asyncio.sleep(0)  # after a freeze: process the closed connections first
    left = context.get_remaining_time_in_millis() / 1_000
    try:
        async with asyncio.timeout(left - min(RESPONSE_SECONDS, left / 4)):
            yield
    except TimeoutError:
        raise RequestTimedOut("the request was not completed within the time of the invocation") from None


def service_in(record: object) -> str:
    """Return the AWS service that a record of an event is from. Nothing else of an event is fit for a message."""
    source = record.get("eventSource") or record.get("EventSource") if isinstance(record, Mapping) else None
    return source if isinstance(source, str) and _SERVICE.fullmatch(source) else "an unknown source"


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except ExtraNotInstalled as error:
        raise CannotStart(str(error)) from None
    except InvalidDocumentsURL as error:
        raise CannotStart(f"ORDERKEEP_DOCUMENTS is invalid: {error}") from None
    except InvalidEventsURL as error:
        raise CannotStart(f"ORDERKEEP_EVENTS is invalid: {error}") from None
    except InvalidStoreURL as error:
        raise CannotStart(f"ORDERKEEP_STORE is invalid: {error}") from None
    except StoreUnusable as error:
        store = f" (the store is {settings.store})" if settings.store.startswith("dynamodb:") else ""
        raise CannotStart(f"the store cannot be used: {error}{store}") from None


async def _checked(use_cases: UseCases, settings: Settings) -> UseCases:
    try:
        with _explained(settings):
            async with asyncio.timeout(INIT_SECONDS):
                await use_cases.check_store()
                await check_table(settings.store)
    except CannotStart:
        await use_cases.close()
        raise
    except (StoreUnavailable, TimeoutError) as error:
        log.warning("the store is unavailable", extra={"reason": str(error) or "it took too long"})
    return use_cases
