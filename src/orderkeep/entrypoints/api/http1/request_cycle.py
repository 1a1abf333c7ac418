"""One request and its response: the ASGI side of a connection, and the transport that it writes to."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message
from uvicorn.server import ServerState as UvicornServerState

from orderkeep.entrypoints.api.dependencies import REQUEST_ID
from orderkeep.entrypoints.api.metrics import Metrics
from orderkeep.entrypoints.api.problems import HttpProblem, problem_response
from orderkeep.entrypoints.api.shell import security_headers

log = logging.getLogger("uvicorn.error")

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {code: f"HTTP/1.1 {code} {_PHRASES.get(code, '')}".encode() for code in range(100, 600)}
_CONTROL_CHARACTERS = bytes({*range(32), 127} - {9})
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTENT_LENGTH = b"content-length: "
_FRAMING = frozenset((b"connection: ", b"transfer-encoding: "))
_MOST_NAMES = 100
_name_prefixes = {b"content-length": _CONTENT_LENGTH}
"""`name: ` by the name of a response header, for names that were found valid."""


class ServerState(UvicornServerState):
    """What the connections of a server share. `draining`: the server is about to stop, so each response closes its
    connection.
    """

    def __init__(self, max_connections: int, max_body_bytes: int, metrics: Metrics) -> None:
        super().__init__()
        self.max_connections, self.max_body_bytes, self.metrics = max_connections, max_body_bytes, metrics
        self.draining = False


class Transport:
    """A transport with flow control and a lingering close: closing at once while a client sends would reset the
    connection, and the client could lose the response that says why.
    """

    def __init__(self, transport: asyncio.Transport, may_close_at_once: Callable[[], bool]) -> None:
        self._transport, self._may_close_at_once = transport, may_close_at_once
        self._writable = asyncio.Event()
        self.lingers = self.read_paused = self.write_paused = False
        self.write, self.abort, self.unsent = transport.write, transport.abort, transport.get_write_buffer_size

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        """Close after what was written. If the client may still send, wait until it closes or is cut."""
        if self.is_closing():
            return
        if self._may_close_at_once():
            self._transport.close()
        else:
            self.lingers = True
            self._transport.write_eof()

    def pause_reading(self) -> None:
        """Stop reading from the client."""
        if not self.read_paused and not self._transport.is_closing():
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self.read_paused and not self._transport.is_closing():
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Note that the client reads more slowly than the application writes."""
        self.write_paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let the application write again."""
        self.write_paused = False
        self._writable.set()

    async def drain(self) -> None:
        """Wait until the client has read enough."""
        await self._writable.wait()


class RequestCycle:
    """Calls the application for one request. A response whose length is known and whose body comes in one message is
    written at once, head and body together.
    """

    __slots__ = (
        "_arrived", "_bodiless", "_chunked", "_event", "_head", "_remaining", "_responding", "body", "body_error",
        "complete", "disconnected", "expects_continue", "keep_alive", "more_body", "on_complete", "scope", "state",
        "task", "transport", "written",
    )  # fmt: skip

    def __init__(
        self, scope: dict[str, Any], transport: Transport, state: ServerState, on_complete: Callable[[], None],
        *, keep_alive: bool, expects_continue: bool,
    ) -> None:  # fmt: skip
        self.scope, self.transport, self.state, self.on_complete = scope, transport, state, on_complete
        self.keep_alive, self.expects_continue = keep_alive, expects_continue
        self.task: asyncio.Task[None] | None = None
        self.body, self.more_body = bytearray(), True
        self.body_error: HttpProblem | None = None
        self.disconnected = self.complete = self.written = False
        self._head, self._responding, self._bodiless, self._chunked = b"", False, False, False
        self._remaining: int | None = None
        self._arrived = False
        self._event: asyncio.Event | None = None

    async def run(self, app: ASGIApp) -> None:
        """Call the application; if it fails to respond, respond 500."""
        try:
            await app(self.scope, self.receive, self.send)
            if not self.complete and not self.disconnected:
                log.error("The application returned without a complete response")
        except BaseException:  # a request that is cancelled gets a response too
            log.exception("Exception in ASGI application")
        try:
            if self.written and not self.complete:
                self.transport.close()
            elif not self.complete and not self.disconnected:
                await self._send_500()
        finally:
            self.on_complete = _nothing  # breaks a reference cycle
            self.state.tasks.discard(self.task)

    def wake(self) -> None:
        """Let `receive` return what has arrived."""
        self._arrived = True
        if self._event is not None:
            self._event.set()

    async def receive(self) -> Message:
        """Return a part of the body, or the end of the connection. Raises `HttpProblem` if the rest will not arrive."""
        if self.expects_continue and not self.written and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.expects_continue = False
        if not self.disconnected and not self.complete:
            self.transport.resume_reading()
            if not self._arrived:
                self._event = self._event or asyncio.Event()
                await self._event.wait()
            self._arrived = False
            if self._event is not None:
                self._event.clear()
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        if self.body_error is not None:
            self._arrived = True
            raise self.body_error
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        """Send a part of the response. Raises `RuntimeError` if it does not follow ASGI, or a header is invalid."""
        if self.transport.write_paused:
            await self.transport.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self._responding:
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and self._responding and not self.complete:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind}")

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if self.more_body or self.state.draining:
            self.keep_alive = False
        lines, length = [_STATUS_LINES[status]], None
        for name, value in (*self.state.default_headers, *headers):
            prefix = _name_prefixes.get(name) or _prefix_of(name)
            if prefix is _CONTENT_LENGTH:
                length = int(value)
            elif prefix in _FRAMING:  # the server's, but for a wish to close
                if prefix == b"connection: " and b"close" in value.lower():
                    self.keep_alive = False
                continue
            lines.append(prefix + value)
        self._bodiless = self.scope["method"] == "HEAD" or status in (204, 304)
        self._remaining = length
        self._chunked = length is None and not self._bodiless and self.scope["http_version"] == "1.1"
        if self._chunked:
            lines.append(b"transfer-encoding: chunked")
        if not self.keep_alive:
            lines.append(b"connection: close")
        lines.append(b"\r\n")
        self._head, self._responding = _checked(lines), True

    def _write(self, body: bytes, *, more: bool) -> None:
        if self._bodiless:
            body = b""
        elif self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        elif self._remaining is not None:
            self._remaining -= len(body)
            if self._remaining < 0 or (self._remaining and not more):
                raise RuntimeError("the body is longer or shorter than its Content-Length")
        if not self.transport.is_closing():
            self.transport.write(self._head + body)
        self._head, self.written = b"", True
        if not more:
            self.complete = True
            self.wake()
            if not self.keep_alive:
                self.transport.close()
            self.on_complete()

    async def _send_500(self) -> None:
        """Respond in place of an application that failed, or was cancelled when the server stopped."""
        detail = "the request was not completed, and the change may or may not have been made"
        request_id = self.scope.get(REQUEST_ID) or token_hex(16)
        problem = HttpProblem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)
        response = problem_response(problem, request_id)
        self._responding = self.keep_alive = False
        headers = _with_standard_headers(response, request_id)
        await self.send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await self.send({"type": "http.response.body", "body": response.body})


def problem_bytes(problem: HttpProblem, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a whole response to a request that did not reach the application. It closes the connection."""
    request_id = token_hex(16)
    response = problem_response(problem, request_id)
    headers = [*default_headers, *_with_standard_headers(response, request_id)]
    lines = [_STATUS_LINES[problem.status], *[b"%b: %b" % each for each in headers if each[0] != b"connection"]]
    return _checked([*lines, b"connection: close", b"\r\n"]) + bytes(response.body)


def _with_standard_headers(response: Response, request_id: str) -> list[tuple[bytes, bytes]]:
    return [*response.raw_headers, (b"x-request-id", request_id.encode()), *security_headers()]


def _checked(lines: list[bytes]) -> bytes:
    """Return the lines of a head, joined. Raises `RuntimeError` if a value contains a control character: a line break
    would be the end of the header.
    """
    head = b"\r\n".join(lines)
    if len(head.translate(None, _CONTROL_CHARACTERS)) != len(head) - 2 * len(lines):
        raise RuntimeError("a response header contains a control character")
    return head


def _prefix_of(name: bytes) -> bytes:
    name = name.lower()
    if name not in _name_prefixes:
        if not _HEADER_NAME.fullmatch(name):
            raise RuntimeError("invalid name of a response header")
        if len(_name_prefixes) >= _MOST_NAMES:
            return name + b": "
        _name_prefixes[name] = name + b": "
    return _name_prefixes[name]


def _nothing() -> None:
    pass
