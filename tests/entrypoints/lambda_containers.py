"""A Lambda container in this process: a handler imported afresh with the environment as it is then, invoked, and ended.
Its tests are not async, as Lambda calls no handler in a loop.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from orderkeep.entrypoints.logs import current_request
from tests.entrypoints.lambda_calls import Answered, Event, read_answer, with_key

USUAL = {
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
    "ORDERKEEP_AUTH": "authorizer,keys",
    "ORDERKEEP_IAM_SCOPES": "admin",
    "ORDERKEEP_RATE_LIMIT": "0",
    "ORDERKEEP_RATE_LIMIT_PER_ADDRESS": "0",
}
"""What a container is told unless a test says otherwise."""

HANDLERS = ("lambda_runtime", "lambda_handler", "lambda_stream")


@dataclass
class Context:
    """Lambda's context object, as much of it as we use."""

    aws_request_id: str = "8f507cfc-9c9c-4c9a-9f0d-0c5f3f3c9a11"
    remaining: int = 29_000
    asked: int = field(default=0)

    def get_remaining_time_in_millis(self) -> int:
        self.asked += 1
        return self.remaining


@contextmanager
def container(
    monkeypatch: pytest.MonkeyPatch, handler: str = "lambda_handler", **environment: str
) -> Iterator[ModuleType]:
    """Start a container, and end it: the handler's module, imported afresh."""
    for name in ("ORDERKEEP_STORE", "ORDERS_TABLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**USUAL, **environment}.items():
        monkeypatch.setenv(name, value)
    forget(monkeypatch)
    keep_how_it_is_logged(monkeypatch)
    try:
        yield importlib.import_module(f"orderkeep.entrypoints.{handler}")
    finally:
        end(handler)


def call(module: ModuleType, event: Event, context: Context | None = None) -> Answered:
    """Invoke the container's handler as Lambda does: the event has gone through JSON. Who asks may do everything."""
    return read_answer(module.handler(let_in(module, json.loads(json.dumps(event))), context or Context()))


def let_in(module: ModuleType, event: Event) -> Event:
    """Return the event with an API key where it comes from a load balancer, which asks nobody who they are."""
    shown = {name.lower() for name in (event.get("multiValueHeaders") or event.get("headers") or {})}
    if "elb" not in event["requestContext"] or "authorization" in shown:
        return event
    return with_key(event, _key_of(module))


def _key_of(module: ModuleType) -> str:
    if not hasattr(module, "key_of_the_tests"):
        made = module._use_cases.create_api_key.execute("tests", scopes=["admin"])
        module.key_of_the_tests = module.install_event_loop().run_until_complete(made).key  # type: ignore[attr-defined]
    key: str = module.key_of_the_tests
    return key


def see_scopes(module: ModuleType) -> list[Any]:
    """Return where all scopes go from now on."""
    seen: list[Any] = []
    app = module._app

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await app(scope, receive, send)

    vars(module)["_app"] = spy
    return seen


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next import of a handler begin anew."""
    for name in HANDLERS:
        monkeypatch.delitem(sys.modules, f"orderkeep.entrypoints.{name}", raising=False)


def keep_how_it_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """See that what a container changes for its whole process is put back at the end of the test."""
    owners = (
        (sys, "unraisablehook"),
        (threading, "excepthook"),
        (warnings, "showwarning"),
        (logging, "raiseExceptions"),
    )
    for owner, name in (*owners, *((handler, "formatter") for handler in logging.getLogger().handlers)):
        monkeypatch.setattr(owner, name, getattr(owner, name))


def end(handler: str) -> None:
    """Close the store and the loop of the container that was imported last, from beside any loop."""
    loop = getattr(sys.modules.get("orderkeep.entrypoints.lambda_runtime"), "_loop", None)
    if loop is not None:
        if (use_cases := getattr(sys.modules.get(f"orderkeep.entrypoints.{handler}"), "_use_cases", None)) is not None:
            loop.run_until_complete(use_cases.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    current_request.set(None)
    gc.unfreeze()
    asyncio.set_event_loop(None)
    current_request.set(None)  # an invocation sets it for good: on Lambda the next one is of the same process
