"""What happens to every request, around all routes: its id, its size, and an answer whatever breaks. Pure ASGI."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from secrets import token_hex

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderkeep.entrypoints.api.problems import Refused, problem

log = logging.getLogger("orderkeep.http")

REQUEST_ID = "orderkeep.request_id"
"""Where in a scope the id stands that the request is known by."""

SERVERS_ID = "orderkeep.servers_request_id"
"""Where in a scope the id stands that whoever serves us knows the request by, if any."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id_of(scope: Scope) -> str:
    """Return the id that this request is known by, in its answer, in logs and in what it changes."""
    request_id: str = scope[REQUEST_ID]
    return request_id


class RequestIdMiddleware:
    """Takes over the caller's `X-Request-Id` where it is fit to be kept, or the id that whoever serves us knows the
    request by, or makes one; and answers it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        scope[REQUEST_ID] = request_id = _given_id(scope) or scope.get(SERVERS_ID) or token_hex(16)
        header = (b"x-request-id", request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        return await self.app(scope, receive, send_with_id)


class HeadMiddleware:
    """Answers HEAD as GET would be answered, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self.app(scope, receive, send)

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        return await self.app({**scope, "method": "GET", "orderkeep.asked_method": "HEAD"}, receive, send_head)


class ErrorMiddleware:
    """Answers what nobody foresaw with a problem document, and logs it: the fault is ours."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            log.info("the client gave the request up")
        except Exception:
            log.exception("the request failed")
            if started:
                raise
            answer = problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal_error",
                "something is wrong with the service, not with the request; the log has more under this request_id",
                request_id=request_id_of(scope),
            )
            await answer(scope, receive, send)


class BodyLimitMiddleware:
    """Rejects a body that is larger than allowed, by its Content-Length or by what arrives."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        read = 0

        async def receive_no_more() -> Message:
            nonlocal read
            if not read:
                self._check(_content_length(scope))
            message = await receive()
            read += len(message.get("body", b""))
            self._check(read)
            return message

        return await self.app(scope, receive_no_more, send)

    def _check(self, size: int) -> None:
        if size > self.most_bytes:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body_too_large",
                f"the body must be at most {self.most_bytes} bytes",
                headers={"Connection": "close"},
                limit=self.most_bytes,
            )


def _content_length(scope: Scope) -> int:
    given = Headers(scope=scope).get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0


def _given_id(scope: Scope) -> str | None:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        found: bytes = given[0]
        return found.decode()
    return None
