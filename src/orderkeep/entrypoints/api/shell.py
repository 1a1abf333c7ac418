"""The request shell: what happens around every request, in one place.

It assigns the request ID, limits concurrency and the size of bodies, authenticates, finds the route, turns errors into
problem documents, adds the headers that all responses share, and counts and logs the request. A request for a compiled
route goes straight there; anything else (404, 405, routes of another kind) is left to FastAPI, within the same limits.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from os import urandom
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderkeep.application.access.actor import Actor
from orderkeep.application.errors import RequestTimedOut
from orderkeep.config import Settings
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api.authentication import Access
from orderkeep.entrypoints.api.dependencies import ACTOR, IS_HEAD, MAY_WAIT, REQUEST_ID, WAIT_SECONDS
from orderkeep.entrypoints.api.problems import HttpProblem, problem_response
from orderkeep.entrypoints.api.routing import RouteTable, headers_of
from orderkeep.entrypoints.logs import ACCESS_LOGGER, current_request, trace_id_of

if TYPE_CHECKING:
    from orderkeep.bootstrap import UseCases
    from orderkeep.entrypoints.api.metrics import Metrics

log = logging.getLogger("orderkeep.http")
access_log = logging.getLogger(ACCESS_LOGGER)

SERVER_REQUEST_ID = "orderkeep.server_request_id"
"""Scope key: the ID that the server in front (Lambda) knows the request by, if any."""

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

CLIENT_CLOSED = 499
"""Status in logs and metrics of a request whose client was gone before the response."""

PATHS_WITHOUT_LIMIT = frozenset(("/livez", "/readyz", "/metrics"))
"""Paths without a concurrency limit: they are needed most when the service is overloaded."""

ROUTES_WITH_OWN_LIMIT = frozenset(("/orders/{order_id}/documents/receipt",))
"""Routes with a limit of their own, whose requests may wait for long: they hold no slot of the concurrency limit."""

ROUTES_THAT_WAIT = frozenset(("/events", "/events/stream"))
"""Routes whose requests may wait for events. They hold no slot while they wait, and have a limit of their own."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every response, unless a route sets its own."""

CORS_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST")
CORS_EXPOSED = (
    "Dry-Run",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "Unchanged",
    "X-Request-Id",
)
CORS_REQUEST = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
)

TimeLimit = Callable[[Scope], AbstractAsyncContextManager[None]]
"""Limits the time of a request: raises `RequestTimedOut` inside its block."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class ShelledFastAPI(FastAPI):
    """A FastAPI application that is called through its request shell. Neither its middlewares nor its dependency
    overrides would apply to compiled routes: wrap the application, and pass other use cases to `create_app`.
    """

    shell: RequestShell
    use_cases: UseCases

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.shell(scope, receive, send)

    async def without_shell(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle what is not a request for a compiled route."""
        await super().__call__(scope, receive, send)

    def add_middleware(self, *_: object, **__: object) -> NoReturn:
        """Reject a middleware, which compiled routes would bypass. Raises `TypeError`."""
        raise TypeError("compiled routes bypass FastAPI's middlewares: wrap the application in the middleware instead")


class RequestShell:
    """An ASGI application around the routes."""

    def __init__(
        self,
        routes: RouteTable,
        fallback: ASGIApp,
        access: Access,
        settings: Settings,
        *,
        metrics: Metrics | None,
        time_limit: TimeLimit | None,
    ) -> None:
        self.routes, self.fallback, self.access = routes, fallback, access
        self.metrics, self.time_limit = metrics, time_limit
        self.max_concurrency, self.max_body_bytes = settings.max_concurrency, settings.max_body_bytes
        self.access_log = settings.access_log
        self.headers = security_headers(settings.hsts_seconds)
        self.active = 0
        self.app: ASGIApp = self.respond
        if settings.cors_origins:
            self.app = CrossOriginRequests(self.respond, settings.cors_origins.split())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.fallback(scope, receive, send)
        started, method = perf_counter(), scope["method"]
        given = headers_of(scope).get(b"x-request-id")
        if isinstance(given, bytes) and _REQUEST_ID.fullmatch(given):
            request_id = given.decode()
        else:
            request_id = scope.get(SERVER_REQUEST_ID) or urandom(16).hex()
        scope[REQUEST_ID] = request_id
        if method == "HEAD":
            scope = {**scope, "method": "GET", IS_HEAD: True}
        response = _ResponseSender(send, [(b"x-request-id", request_id.encode()), *self.headers], method == "HEAD")
        token = current_request.set(partial(log_fields, scope, method))
        try:
            await self.app(scope, receive, response)
        finally:
            took = perf_counter() - started
            if self.metrics is not None:
                label = method if method in METHODS else "other"
                self.metrics.observe(_route_of(scope), label, response.status, took)
            if self.access_log:
                access_log.info("request", extra={"status": response.status, "duration_ms": round(took * 1_000, 3)})
            current_request.reset(token)

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request, whatever fails."""
        path, root = scope["path"], scope.get("root_path", "")
        if root and path.startswith(root + "/"):
            path = path.removeprefix(root)
        limited = path not in PATHS_WITHOUT_LIMIT
        try:
            if limited and self.active >= self.max_concurrency:
                raise self.overloaded()
            body = _BoundedBody(self, scope, receive, holds_slot=limited)
            try:
                if self.time_limit is None:
                    await self._route(scope, path, body, send)
                else:
                    async with self.time_limit(scope):
                        await self._route(scope, path, body, send)
            finally:
                body.end_slot()
        except asyncio.CancelledError:  # by the server: the request took too long, or the process ends
            if getattr(send, "started", True):
                raise
            error = RequestTimedOut("the request was not completed in time")
            await _problem(error, scope)(scope, receive, send)
        except ClientDisconnect:
            log.info("client disconnected")
        except (OrderkeepError, HttpProblem) as error:
            await _problem(error, scope)(scope, receive, send)
        except Exception as error:
            log.exception("request failed")
            if getattr(send, "started", True):
                raise
            await _problem(error, scope)(scope, receive, send)

    async def _route(self, scope: Scope, path: str, body: _BoundedBody, send: Send) -> None:
        """Respond. The slot ends with the first message of the response: a client that does not read holds none."""
        scope[ACTOR] = await self.access.actor_of(scope, path)
        found = self.routes.find(scope["method"], path)
        if found is None:
            if others := self.routes.at(path):
                scope["route"] = others[0]
                raise _method_not_allowed({method for route in others for method in route.methods})

            def send_without_slot(message: Message) -> Awaitable[None]:
                body.end_slot()
                return send(message)

            await self.fallback(scope, body, send_without_slot)
        else:
            scope["route"], scope["path_params"] = found
            if found[0].path in ROUTES_WITH_OWN_LIMIT:
                body.end_slot()
            elif found[0].path in ROUTES_THAT_WAIT:
                scope[MAY_WAIT] = body.wait
            response = await found[0].respond(scope, body)
            body.end_slot()
            await response(scope, body, send)

    def overloaded(self) -> HttpProblem:
        """Count and return the problem of a request beyond the concurrency limit."""
        if self.metrics is not None:
            self.metrics.refused.labels("overloaded").inc()
        return HttpProblem("overloaded", what="requests")


class CrossOriginRequests:
    """CORS for the listed origins; a preflight from another origin gets a problem document. Cookies are not used."""

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        self.app = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST,
            expose_headers=CORS_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        if scope["method"] == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers:
            response = self.app.preflight_response(Headers(scope=scope))
            if response.status_code != HTTPStatus.OK:
                response = problem_response(HttpProblem("origin_not_listed"), scope[REQUEST_ID])
            return await response(scope, receive, send)
        return await self.app(scope, receive, send)


class _ResponseSender:
    """Sends a response with the shared headers that it does not set itself; without its body for HEAD."""

    __slots__ = ("_headers", "_is_head", "_send", "started", "status")

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], is_head: bool) -> None:
        self._send, self._headers, self._is_head = send, headers, is_head
        self.started, self.status = False, CLIENT_CLOSED

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            given = message["headers"]
            own = dict(given)
            message["headers"] = [*given, *[header for header in self._headers if header[0] not in own]]
        elif self._is_head:
            message = {**message, "body": b""}
        return self._send(message)


class _BoundedBody:
    """Receives a body of limited size. The request holds a slot of the concurrency limit, but not while it waits for
    the client: a few slow clients could otherwise use up the limit.
    """

    __slots__ = ("_holds_slot", "_is_complete", "_read", "_receive", "_scope", "_shell")

    def __init__(self, shell: RequestShell, scope: Scope, receive: Receive, *, holds_slot: bool) -> None:
        self._shell, self._scope, self._receive, self._holds_slot = shell, scope, receive, holds_slot
        self._read, self._is_complete = 0, False
        shell.active += holds_slot

    async def __call__(self) -> Message:
        shell = self._shell
        if self._is_complete:
            return await self._receive()
        self._check(self._read or _content_length(self._scope))
        shell.active -= self._holds_slot
        try:
            message = await self._receive()
        finally:
            shell.active += self._holds_slot
        self._is_complete = not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        self._check(self._read)
        if self._holds_slot and shell.active > shell.max_concurrency:
            raise shell.overloaded()
        return message

    def end_slot(self) -> None:
        """Let another request have the slot."""
        if self._holds_slot:
            self._holds_slot = False
            self._shell.active -= 1

    def wait(self, seconds: float) -> None:
        """Let the request wait without a slot, and the server let it wait for so long."""
        self.end_slot()
        self._scope[WAIT_SECONDS] = seconds

    def _check(self, size: int) -> None:
        limit = self._shell.max_body_bytes
        if size > limit:
            raise HttpProblem("body_too_large", limit=limit, headers={"Connection": "close"})


def security_headers(hsts_seconds: int = 0) -> list[tuple[bytes, bytes]]:
    """Return the headers of every response; with `hsts_seconds`, browsers use HTTPS only for that long."""
    hsts = {"Strict-Transport-Security": f"max-age={hsts_seconds}"} if hsts_seconds else {}
    return [(name.lower().encode(), value.encode()) for name, value in {**SECURITY_HEADERS, **hsts}.items()]


def _problem(error: Exception, scope: Scope) -> Response:
    return problem_response(error, scope[REQUEST_ID], is_read=scope["method"] in ("GET", "OPTIONS"))


def _method_not_allowed(methods: set[str]) -> HttpProblem:
    allowed = ", ".join([*sorted(methods, key="GET POST DELETE".find), *(["HEAD"] if "GET" in methods else [])])
    return HttpProblem("method_not_allowed", allowed=allowed, headers={"Allow": allowed})


def _content_length(scope: Scope) -> int:
    given = headers_of(scope).get(b"content-length", b"")
    return int(given) if isinstance(given, bytes) and given.isdigit() and len(given) < 19 else 0


def _route_of(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "none")


def log_fields(scope: Scope, method: str) -> Mapping[str, object]:
    """Return what log lines contain of the request: never its path, its query or a header except for two IDs."""
    actor: Actor | None = scope.get(ACTOR)
    return {
        "request_id": scope[REQUEST_ID],
        "trace_id": trace_id_of(scope["headers"]),
        "method": method if method in METHODS else "other",
        "route": _route_of(scope),
        "actor": actor.kind if actor else None,
    }
