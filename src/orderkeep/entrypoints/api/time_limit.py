"""A limit to the time that a request may take, where whoever serves us sets one: an answer while there can be one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.types import ASGIApp, Receive, Scope, Send

from orderkeep.domain.exceptions import ServiceUnavailable
from orderkeep.entrypoints.api.errors import problem_of
from orderkeep.entrypoints.api.middleware import request_id_of

TimeLimit = Callable[[Scope], AbstractAsyncContextManager[None]]
"""Gives up what is inside of it with `RequestTimedOut`: nothing else of ours waits."""


class TimeLimitMiddleware:
    """Answers as an unavailable store is answered where a request's time is over."""

    def __init__(self, app: ASGIApp, limit: TimeLimit) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self.limit(scope):
                await self.app(scope, receive, send)
        except ServiceUnavailable as error:
            await problem_of(error, request_id_of(scope))(scope, receive, send)
