"""One request and its response: the ASGI side of a connection, and what it writes to."""

from __future__ import annotations

import asyncio
import logging
import re
import selectors
from abc import abstractmethod
from collections.abc import Iterable
from http import HTTPStatus
from math import inf
from secrets import token_hex

from starlette.types import ASGIApp, Message, Scope
from uvicorn.server import ServerState as UvicornServerState

from orderkeep.entrypoints.api.dependencies import REQUEST_ID, WAIT_SECONDS
from orderkeep.entrypoints.api.http1 import limits
from orderkeep.entrypoints.api.http1.limits import APPLICATION_SECONDS, Stage
from orderkeep.entrypoints.api.metrics import Metrics
from orderkeep.entrypoints.api.problems import HttpProblem, problem_response
from orderkeep.entrypoints.api.shell import security_headers

log = logging.getLogger("uvicorn.error")

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {code: f"HTTP/1.1 {code} {_PHRASES.get(code, '')}".encode() for code in range(100, 600)}
_CONTROL_CHARACTERS = bytes({*range(32), 127} - {9})
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_FRAMING = frozenset((b"connection: ", b"content-length: ", b"transfer-encoding: "))
_MOST_NAMES = 100


class _HeaderPrefixes(dict[bytes, bytes]):
    """`name: ` by the name of a response header, for the first names. Raises `RuntimeError` if a name is invalid."""

    def __missing__(self, name: bytes) -> bytes:
        if not _HEADER_NAME.fullmatch(name.lower()):
            raise RuntimeError("invalid name of a response header")
        prefix = name.lower() + b": "
        if len(self) < _MOST_NAMES:
            self[name] = prefix
        return prefix


_header_prefixes = _HeaderPrefixes()


class ServerState(UvicornServerState):
    """What the connections of a server share. `draining`: the server is about to stop, so each response closes its
    connection. `unsent` has the connections whose clients have not read all that was written, longest first, and the
    number of these bytes.
    """

    draining = False

    def __init__(self, max_connections: int, max_body_bytes: int, metrics: Metrics) -> None:
        super().__init__()
        self.max_connections, self.max_body_bytes, self.metrics = max_connections, max_body_bytes, metrics
        self.unsent: dict[BaseConnection, int] = {}

    def bound_unsent(self) -> None:
        """Close the connections that have been unread for longest, until the rest are within `MAX_UNSENT_BYTES`."""
        while len(self.unsent) > 1 and sum(self.unsent.values()) > limits.MAX_UNSENT_BYTES:
            next(iter(self.unsent)).cut("unsent")


class BaseConnection(asyncio.Protocol):
    """What a request writes to: a transport with flow control and a lingering close. Closing at once while a client
    sends would reset the connection, and the client could lose the response that says why.
    """

    transport: asyncio.Transport
    stage: Stage = "new"
    lingers = False

    def __init__(self, state: ServerState) -> None:
        self.state = state
        self.writable = asyncio.Event()
        """Not set while any byte that was written is unsent."""
        self.writable.set()

    @property
    def is_between_requests(self) -> bool:
        """Whether no part of a request has arrived whose rest is to come."""
        return self.stage in ("new", "kept")

    @abstractmethod
    def on_response_complete(self) -> None:
        """Called after the last part of a response."""

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self.lingers or self.transport.is_closing()

    def close(self) -> None:
        """Close after what was written. If the client may still send, wait until it closes or is cut."""
        if self.is_closing():
            return
        if self.is_between_requests:
            self.transport.close()
        else:
            self.lingers = True
            self.transport.write_eof()

    def cut(self, reason: str) -> None:
        """Close the connection without a response, and count that."""
        self.state.metrics.cut.labels(reason).inc()
        self.state.unsent.pop(self, None)
        self.transport.abort()

    def pause_writing(self) -> None:
        """Called when a byte cannot be sent at once."""
        self.writable.clear()
        self.state.unsent[self] = self.transport.get_write_buffer_size()
        self.state.bound_unsent()

    def resume_writing(self) -> None:
        """Called when all is sent."""
        self.state.unsent.pop(self, None)
        self.writable.set()


def has_input(descriptor: int) -> bool:
    """Return whether a socket has bytes to be read, a connection to be accepted, or was closed by the other side."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))


class RequestCycle:
    """Calls the application for one request. A response whose length is known and whose body comes in one message is
    written at once, head and body together.
    """

    more_body = True
    body_error: HttpProblem | None = None
    disconnected = complete = written = False
    _head, _responding, _bodiless, _chunked = b"", False, False, False
    _remaining: int | None = None
    _arrived = False
    _event: asyncio.Event | None = None
    task: asyncio.Task[None]
    _waiting_since: float | None = None

    def __init__(
        self, connection: BaseConnection, app: ASGIApp, scope: Scope,
        *, keep_alive: bool = False, expects_continue: bool = False,
    ) -> None:  # fmt: skip
        self.connection, self.app, self.scope = connection, app, scope
        self.keep_alive, self.expects_continue = keep_alive, expects_continue
        self.body = bytearray()

    async def run(self) -> None:
        """Call the application; if it fails to respond, respond 500."""
        try:
            await self.app(self.scope, self.receive, self.send)
            if not self.complete and not self.disconnected:
                log.error("The application returned without a complete response")
        except BaseException:  # a request that is cancelled gets a response too
            log.exception("Exception in ASGI application")
        self.connection.state.tasks.discard(self.task)
        if self.written and not self.complete:
            self.connection.close()
        elif not self.complete and not self.disconnected:
            detail = "the request was not completed, and the change may or may not have been made"
            self.respond(HttpProblem("internal_error", detail))

    def check_time(self, now: float) -> None:
        """Cancel the application's work, once, if the request is complete and has waited too long for its response."""
        if self.written or self.more_body:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since > APPLICATION_SECONDS + self.scope.get(WAIT_SECONDS, 0.0):
            self._waiting_since = inf
            self.task.cancel()

    def wake(self) -> None:
        """Let `receive` return what has arrived."""
        self._arrived = True
        if self._event is not None:
            self._event.set()

    async def receive(self) -> Message:
        """Return a part of the body, or the end of the connection. Raises `HttpProblem` if the rest will not arrive."""
        transport = self.connection.transport
        if self.expects_continue and not self.written and not self.connection.is_closing():
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.expects_continue = False
        if not self.disconnected and not self.complete:
            transport.resume_reading()
            if not self._arrived:
                self._event = self._event or asyncio.Event()
                self._event.clear()
                await self._event.wait()
            self._arrived = False
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        if self.body_error is not None:
            self._arrived = True
            raise self.body_error
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        """Send a part of the response. Raises `RuntimeError` if it does not follow ASGI, or a header is invalid."""
        if not self.connection.writable.is_set():
            await self.connection.writable.wait()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self._responding:
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and self._responding and not self.complete:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind}")

    def respond(self, problem: HttpProblem) -> None:
        """Respond in place of the application, and close the connection."""
        self.keep_alive = False
        request_id = self.scope.get(REQUEST_ID) or token_hex(16)
        response = problem_response(problem, request_id)
        standard = (b"x-request-id", request_id.encode()), *security_headers()
        self._start(response.status_code, [*response.raw_headers, *standard])
        self._write(bytes(response.body))

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        state = self.connection.state
        if self.more_body or state.draining:
            self.keep_alive = False
        lines, length = [_STATUS_LINES[status]], None
        for name, value in (*state.default_headers, *headers):
            prefix = _header_prefixes[name]
            if prefix in _FRAMING:
                if prefix == b"connection: " and b"close" in value.lower():
                    self.keep_alive = False
                if prefix != b"content-length: ":  # the server's
                    continue
                length = int(value)
            lines.append(prefix + value)
        self._bodiless = self.scope["method"] == "HEAD" or status in (204, 304)
        self._remaining = length
        self._chunked = length is None and not self._bodiless and self.scope["http_version"] == "1.1"
        if self._chunked:
            lines.append(b"transfer-encoding: chunked")
        if not self.keep_alive:
            lines.append(b"connection: close")
        lines.append(b"\r\n")
        head = b"\r\n".join(lines)
        if len(head.translate(None, _CONTROL_CHARACTERS)) != len(head) - 2 * len(lines):
            raise RuntimeError("a response header contains a control character")  # a line break would end the header
        self._head, self._responding = head, True

    def _write(self, body: bytes, *, more: bool = False) -> None:
        if self._bodiless:
            body = b""
        elif self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        elif self._remaining is not None:
            self._remaining -= len(body)
            if self._remaining < 0 or (self._remaining and not more):
                raise RuntimeError("the body is longer or shorter than its Content-Length")
        connection = self.connection
        if not connection.is_closing():
            connection.transport.write(self._head + body)
        self._head, self.written = b"", True
        if not more:
            self.complete = True
            self.wake()
            if not self.keep_alive:
                connection.close()
            connection.on_response_complete()
