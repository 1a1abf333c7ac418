"""A connection: reads requests within limits and hands them to the application, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import Any
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Scope
from uvicorn import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.utils import get_local_addr, get_remote_addr

from orderkeep.entrypoints.api.dependencies import WAIT_SECONDS
from orderkeep.entrypoints.api.http1 import limits
from orderkeep.entrypoints.api.http1.limits import Unread, max_wire_bytes, verdict
from orderkeep.entrypoints.api.http1.request_cycle import BaseConnection, RequestCycle, ServerState, has_input
from orderkeep.entrypoints.api.http1.request_head import check_head, head_too_large, malformed, split_target
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.routing import headers_of

MAX_BUFFERED_BODY = 65_536
"""The bytes of a body that wait for the application before the connection stops reading."""


class Connection(BaseConnection):
    """One client's connection, made by uvicorn's server. The parser calls the `on_…` methods."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002  # the lifespan's, which the server does not run
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(server_state)
        app: Any = config.loaded_app
        self.app_behind_proxy: ASGIApp = app
        without_proxy: Any = app.app if isinstance(app, ProxyHeadersMiddleware) else app
        self.app: ASGIApp = without_proxy
        self.asgi = {"version": config.asgi_version, "spec_version": "2.3"}
        self.root_path, self.raw_root_path = config.root_path, config.root_path.encode("ascii")
        self.loop = _loop or asyncio.get_running_loop()
        self.server: tuple[str, int | None] | None = None
        self.client: tuple[str, int] | None = None
        self.since: float | None = self.loop.time()
        """When the client began with its stage; None while it may be silent without a limit."""
        self.unread: Unread | None = None
        self.url, self.headers = b"", list[tuple[bytes, bytes]]()
        self.fed = self.head_size = self.received = 0
        self.cycle: RequestCycle | None = None
        """The latest request; `running` is the one that the application works on, and `pipeline` has those between."""
        self.running: RequestCycle | None = None
        self.pipeline: deque[RequestCycle] = deque()
        self.pending_problem: HttpProblem | None = None
        self._new_parser()

    def _new_parser(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the connection; above the maximum number, close the one that has been idle longest."""
        self.transport = transport
        transport.set_write_buffer_limits(high=0)  # pause_writing with the first unsent byte
        self.server, self.client = get_local_addr(transport), get_remote_addr(transport)
        self.state.connections.add(self)  # type: ignore[arg-type]  # not one of uvicorn's own
        self.state.metrics.connections.inc()
        if len(self.state.connections) > self.state.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # as asyncio calls it
        """Notify the application, which may wait for a body or for room to write."""
        self.state.connections.discard(self)
        self.state.metrics.connections.dec()
        if self.running is not None:
            self.running.disconnected = not self.running.complete
            self.running.wake()
        super().resume_writing()
        self.pipeline.clear()
        self.cycle = self.running = None
        del self.parser  # breaks reference cycles, as the lines before

    @property
    def is_responding(self) -> bool:
        """Whether a request has no complete response yet."""
        return self.cycle is not None and not self.cycle.complete

    @property
    def is_working(self) -> bool:
        """Whether the application works on a request. Pipelined requests wait until the response before is sent."""
        return self.running is not None and not self.running.complete

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has to send or read before anything else happens."""
        return self.stage == "body" or not self.is_working or not self.writable.is_set()

    def _make_room(self) -> None:
        others = (other for other in self.state.connections if isinstance(other, Connection) and other is not self)
        waiting = [other for other in others if other.waits_for_client]
        if waiting:
            min(waiting, key=lambda other: (other.is_working, other.since or 0.0)).cut("crowded")
        else:
            self._reject(HttpProblem("overloaded", what="connections"))

    def check_time(self, now: float) -> None:
        """Close the connection, or reject its request, if the client is too slow. Called at intervals."""
        if self.running is not None:
            self.running.check_time(now)
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self.state.unsent[self] = unsent
        if unsent or self.lingers:
            self.unread = self.unread.updated(unsent, now) if self.unread else Unread(unsent, now, now)
        if not self.transport.is_reading() and self.since is not None:
            self.since = now  # the server does not read
        unread, responding = self.unread if unsent or self.lingers else None, self.is_responding
        match verdict(self.stage, self.since, now, received=self.received, responding=responding, unread=unread):
            case "head" | "body" as part:
                self.state.metrics.cut.labels(part).inc()
                self._reject(HttpProblem("request_too_slow", part=part, seconds=now - (self.since or now)))
            case "idle" | "response" as reason:
                self.cut(reason)
            case "kept" | "lingering":
                self.transport.abort()

    def shutdown(self) -> None:
        """Close, unless a request is arriving, has arrived unread, or has no complete response. Called when the server
        stops.
        """
        if self.is_closing() or not self.is_between_requests or self.is_responding:
            return
        if not has_input(self.transport.get_extra_info("socket").fileno()):
            self.close()

    def _reject(self, problem: HttpProblem) -> None:
        """Accept no more requests, and respond why: after the response that is due, so that it is not taken for it."""
        stage, self.stage = self.stage, "over"
        if stage == "body" and self.cycle is not None:
            self.state.metrics.refused.labels(problem.code).inc()
            self.cycle.keep_alive, self.cycle.body_error = False, problem
            self.cycle.wake()  # the application, which waits for the rest of the body, responds
        elif self.is_responding:
            self.pending_problem = problem
        else:
            self._respond_and_close(problem)

    def _respond_and_close(self, problem: HttpProblem) -> None:
        self.pending_problem = None
        self.state.metrics.refused.labels(problem.code).inc()
        RequestCycle(self, self.app, {"method": "", "http_version": "1.1"}).respond(problem)

    def data_received(self, data: bytes) -> None:
        if self.stage == "over" or self.lingers:
            return
        if self.stage == "kept":
            self.stage, self.since = "new", self.loop.time()
        in_head = self.stage == "head"
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._continue_without_upgrade(data[stop.args[0] :])
        except httptools.HttpParserError as error:
            self._stop_parsing(error)
        else:
            # Limit what the parser reports only when it is complete: a header, the extensions of a chunk.
            self.fed += len(data)
            if in_head and self.stage == "head" and self.fed > limits.MAX_HEAD_BYTES:
                self._reject(head_too_large())
            elif self.stage == "body" and self.fed > max_wire_bytes(self.state.max_body_bytes):
                self._reject(HttpProblem("malformed_request", error="the chunks are far larger than their content"))

    def _stop_parsing(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(cause, HttpProblem):
            self._reject(cause)
        elif not isinstance(cause, EOFError):
            self._reject(malformed(error))

    def _continue_without_upgrade(self, rest: bytes) -> None:
        """Parse the head again without `Upgrade`: the parser stops there, but a server may ignore it (RFC 9110 7.8)."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self._new_parser()
        self.stage = "new"
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def on_message_begin(self) -> None:
        if self.stage == "over" or len(self.pipeline) >= limits.MAX_PIPELINED:
            self.stage = "over"
            if self.cycle is not None:
                self.cycle.keep_alive = False
            raise EOFError  # stops the parser
        if self.stage != "new" or self.since is None:
            self.since = self.loop.time()
        self.stage, self.url, self.headers = "head", b"", []
        self.fed = self.head_size = self.received = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > limits.MAX_TARGET_BYTES:
            raise HttpProblem("target_too_long", limit=limits.MAX_TARGET_BYTES)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. One after the body (a trailer) is counted and ignored."""
        self.head_size += len(name) + len(value)
        if self.head_size > limits.MAX_HEAD_BYTES or len(self.headers) >= limits.MAX_HEADERS:
            raise head_too_large()
        if self.stage == "head":
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete: call the application, or queue the request after those before it."""
        method, headers = self.parser.get_method(), self.headers
        if self.parser.should_upgrade() and method != b"CONNECT":
            return
        version = self.parser.get_http_version()
        scope: Scope = {
            "type": "http",
            "asgi": self.asgi,
            "http_version": version,
            "method": method.decode("ascii"),
            "scheme": "http",
            "root_path": self.root_path,
            "headers": headers,
            "server": self.server,
            "client": self.client,
        }
        given = headers_of(scope)
        expects_continue = check_head(version, method, given)
        path, scope["query_string"] = split_target(method, self.url, scope)
        scope["path"] = self.root_path + (unquote(path) if ord("%") in path else path.decode("ascii"))
        scope["raw_path"] = self.raw_root_path + path
        self.stage, self.since = "body", self.loop.time()
        keep_alive = version == "1.1" and self.parser.should_keep_alive()
        comes_from_proxy = b"x-forwarded-for" in given or b"x-forwarded-proto" in given
        app = self.app_behind_proxy if comes_from_proxy else self.app
        previous = self.cycle
        self.cycle = RequestCycle(self, app, scope, keep_alive=keep_alive, expects_continue=expects_continue)
        if (previous is None or previous.complete) and self.writable.is_set():
            self._run(self.cycle)
        else:
            self.transport.pause_reading()
            self.pipeline.append(self.cycle)

    def _run(self, cycle: RequestCycle) -> None:
        self.running = cycle
        cycle.task = self.loop.create_task(cycle.run())
        self.state.tasks.add(cycle.task)

    def on_body(self, body: bytes) -> None:
        self.received += len(body)
        cycle = self.cycle
        if cycle is not None and not cycle.complete:
            cycle.body += body
            if len(cycle.body) > MAX_BUFFERED_BODY:
                self.transport.pause_reading()
            cycle.wake()

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if self.stage == "head" or cycle is None:
            return
        if not cycle.complete:
            cycle.more_body = False
            cycle.wake()
        self.stage, self.since = "kept" if cycle.keep_alive else "over", None

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.is_working:
            self.unread = None
            self._continue()
        elif self.running is not None and self.running.scope.get(WAIT_SECONDS) == inf:  # a stream has no other end
            self.unread = None
        elif self.unread is not None:  # a part of the response is read
            self.unread = Unread(0, self.unread.since, self.unread.first)

    def on_response_complete(self) -> None:
        """Continue if the response is sent, and otherwise when it is."""
        if self.writable.is_set():
            self.unread = None
            self._continue()

    def _continue(self) -> None:
        """Continue with the next request, or with the problem that had to wait."""
        self.transport.resume_reading()
        if self.pipeline and not self.is_closing():
            self._run(self.pipeline.popleft())
        elif self.is_between_requests:
            self.stage, self.since = "kept", self.loop.time()
        if self.pending_problem is not None and not self.is_responding:
            self._respond_and_close(self.pending_problem)
