"""What log lines say of an HTTP request, and a line for each request where that is wanted. Pure ASGI."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderkeep.entrypoints.api.identity import ACTOR
from orderkeep.entrypoints.api.metrics import METHODS, route_of
from orderkeep.entrypoints.logs import current_request
from orderkeep.entrypoints.trace_ids import trace_id_in, trace_id_of

log = logging.getLogger("orderkeep.access")

SERVERS_TRACE = "orderkeep.servers_trace"
"""Where in a scope stands what whoever serves us says of the trace, in AWS X-Ray's form, if anything."""


class RequestLogMiddleware:
    """Lets every line that is logged inside say which request it belongs to; with `access_log`, writes one for each."""

    def __init__(self, app: ASGIApp, *, access_log: bool) -> None:
        self.app, self.access_log = app, access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        token = current_request.set(partial(told_of, scope))
        try:
            if self.access_log:
                await self._logged(scope, receive, send)
            else:
                await self.app(scope, receive, send)
        finally:
            current_request.reset(token)

    async def _logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            took = round((perf_counter() - started) * 1_000, 3)
            log.info("answered", extra={"status": status, "duration_ms": took})


def told_of(scope: Scope) -> Mapping[str, object]:
    """Return what lines say of the request: never its path, its query or a header's value but for two ids."""
    method = scope.get("orderkeep.asked_method", scope["method"])
    return {
        "request_id": scope.get("orderkeep.request_id"),
        "trace_id": trace_id_of(scope["headers"]) or trace_id_in(scope.get(SERVERS_TRACE, "")),
        "method": method if method in METHODS else "other",
        "route": route_of(scope),
        "actor": actor.kind if (actor := scope.get(ACTOR)) else None,
    }
