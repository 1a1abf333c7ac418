"""A connection: what comes is heard within bounds, what is refused is said once everything before it is answered."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orderkeep.entrypoints.api.http1 import bounds
from orderkeep.entrypoints.api.http1.exchange import ClosingTransport, Exchange
from orderkeep.entrypoints.api.http1.heads import check_head, split_target
from orderkeep.entrypoints.api.http1.patience import Patience, Stage
from orderkeep.entrypoints.api.http1.refusals import answer_of, head_too_large, malformed, target_too_long
from orderkeep.entrypoints.api.http1.traffic import Traffic
from orderkeep.entrypoints.api.middleware import SPOILED
from orderkeep.entrypoints.api.overload import overloaded
from orderkeep.entrypoints.api.problems import Refused


class _NoMore(Exception):
    """Ends the parser in the middle of what it was given: this connection hears no more requests."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, held to `bounds`."""

    transport: ClosingTransport  # type: ignore[assignment]
    cycle: Exchange

    def __init__(self, traffic: Traffic, **given: Any) -> None:
        super().__init__(**given)
        self.traffic = traffic
        self.stage: Stage = "between"
        self.since: float | None = self.loop.time()
        """When the client began with what it is at; None while it is welcome to say nothing."""
        self.fed = self.head_size = self.received = 0
        self.refusal: Refused | None = None
        self.patience = Patience()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to listen; where there are too many of us, end the one that has been idle for longest."""
        super().connection_made(transport)
        self.transport = ClosingTransport(transport, lambda: self.stage == "between")
        self.flow = FlowControl(transport)
        self.traffic.metrics.connections += 1
        if len(self.connections) > self.traffic.max_connections:
            self.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let whoever answers know."""
        self.traffic.metrics.connections -= 1
        super().connection_lost(exc)

    @property
    def waits_for_us(self) -> bool:
        """Whether a request has no answer yet."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_at_work(self) -> bool:
        """Whether a request is here as a whole, and has no answer yet."""
        return self.waits_for_us and self.stage != "body"

    def make_room(self) -> None:
        """End the connection that has been silent for longest, or at its body for longest; this one, where all others
        are at work.
        """
        others = (other for other in self.connections if isinstance(other, Connection) and other is not self)
        waiting = [other for other in others if not other.is_at_work]
        if waiting:
            min(waiting, key=lambda other: (other.waits_for_us, other.since or 0.0)).cut("crowded")
        else:
            self.refuse(overloaded("connections"))

    def cut(self, reason: str) -> None:
        """End the connection without a word."""
        self.traffic.metrics.cut[reason] += 1
        self.transport.abort()

    def refuse(self, refused: Refused) -> None:
        """Hear no more, and answer why: after whatever is being answered, so that nobody takes it for that answer."""
        stage, self.stage = self.stage, "over"
        if stage == "body":
            self._spoil(refused)
        elif self.waits_for_us:
            self.refusal = refused
        else:
            self._say(refused)

    def _say(self, refused: Refused) -> None:
        self.refusal = None
        self._unset_keepalive_if_required()
        self.traffic.metrics.refused[refused.code] += 1
        self.transport.write(answer_of(refused, self.server_state.default_headers))
        self.transport.close()
        self.flow.resume_reading()

    def _spoil(self, refused: Refused) -> None:
        """Let the application answer, which waits for the rest of a body that does not come."""
        self.traffic.metrics.refused[refused.code] += 1
        self.cycle.keep_alive = False
        self.scope[SPOILED] = refused  # type: ignore[literal-required]
        self.cycle.message_event.set()

    def shutdown(self) -> None:
        """End, unless a request is on its way or being answered."""
        if self.stage == "between" and not self.waits_for_us:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Hear what the client sends."""
        if self.stage == "over" or self.transport.lingers:
            return
        self._unset_keepalive_if_required()
        self.since = self.since or self.loop.time()
        in_head = self.stage == "head"
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._hear_again_without_upgrade(data[stop.args[0] :])
        except httptools.HttpParserError as error:
            self._stop_hearing(error)
        else:
            if self.stage != "between":
                self._bound_what_is_not_whole(len(data), in_head)

    def _stop_hearing(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(cause, Refused):
            self.refuse(cause)
        elif isinstance(cause, _NoMore):
            self.stage, self.cycle.keep_alive = "over", False
        else:
            self.refuse(malformed(str(error)))

    def _bound_what_is_not_whole(self, size: int, in_head: bool) -> None:
        """The parser says nothing of a header, or of a chunk's extensions, until it has all of them."""
        self.fed += size
        if in_head and self.stage == "head" and self.fed > bounds.MAX_HEAD_BYTES:
            self.refuse(head_too_large())
        elif self.stage == "body" and self.fed > bounds.largest_on_the_wire(self.traffic.max_body_bytes):
            self.refuse(malformed("the chunks are far larger than what is in them"))

    def _hear_again_without_upgrade(self, rest: bytes) -> None:
        """The parser stops where a client offers another protocol. We stay with this one, as we may (RFC 9110, 7.8)."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser, self.stage = httptools.HttpRequestParser(self), "between"
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.stage == "over" or len(self.pipeline) >= bounds.MAX_PIPELINED:
            raise _NoMore
        super().on_message_begin()
        self.stage, self.since = "head", self.since or self.loop.time()
        self.fed = self.head_size = self.received = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        self.url += url
        if len(self.url) > bounds.MAX_TARGET_BYTES:
            raise target_too_long()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; behind a body (a trailer) it is counted, and says nothing."""
        self.head_size += len(name) + len(value)
        if self.head_size > bounds.MAX_HEAD_BYTES or len(self.headers) >= bounds.MAX_HEADERS:
            raise head_too_large()
        if self.stage == "head":
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A request can be answered from here on."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            return
        version, method = self.parser.get_http_version(), self.parser.get_method()
        expects = check_head(version, method, self.headers)
        path, query = split_target(method, self.url, self.headers)
        self.stage, self.since = "body", self.loop.time()
        self.scope["method"], self.scope["http_version"] = method.decode("ascii"), version
        self.scope["path"] = self.root_path + (unquote(path) if b"%" in path else path.decode("ascii"))
        self.scope["raw_path"], self.scope["query_string"] = self.root_path.encode("ascii") + path, query
        self._begin_exchange(expects, keep_alive=version == "1.1" and self.parser.should_keep_alive())

    def _begin_exchange(self, expects_100_continue: bool, *, keep_alive: bool) -> None:
        before, self.cycle = self.cycle, Exchange(
            scope=self.scope,
            transport=self.transport,  # type: ignore[arg-type]  # all that it needs of one
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=expects_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )  # fmt: skip
        self.cycle.traffic = self.traffic
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self.received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here as a whole."""
        if self.stage == "head":
            return
        super().on_message_complete()
        self.stage = "between" if self.cycle.keep_alive else "over"
        self.since = None

    def on_response_complete(self) -> None:
        """Go on with the next request, or with the refusal that had to wait."""
        super().on_response_complete()
        if self.stage == "between":
            self.since = None
        else:
            self._unset_keepalive_if_required()
        if self.transport.lingers:
            self.flow.resume_reading()
        if self.refusal is not None and not self.waits_for_us:
            self._say(self.refusal)
