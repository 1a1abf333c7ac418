"""How a connection writes an application's messages: framing, single writes, and messages that are errors."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from orderkeep.entrypoints.api.dependencies import WAIT_SECONDS
from orderkeep.entrypoints.api.http1 import Connection, ServerState, limits
from orderkeep.entrypoints.api.http1.request_cycle import _HeaderPrefixes
from orderkeep.entrypoints.api.metrics import Metrics
from orderkeep.entrypoints.api.problems import HttpProblem

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
LENGTH_2 = [(b"content-length", b"2")]

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class RecordingTransport(asyncio.Transport):
    """Records each write, and whether it was closed or aborted. While the client is not `reading`, all is unsent."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = self.aborted = False
        self.reading, self.unsent, self.limit = True, 0, -1
        self.protocol: Connection | None = None

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))
        if not self.reading:
            self.unsent += len(data)
            if self.protocol is not None and self.unsent > self.limit >= 0:
                self.protocol.pause_writing()

    def read_all(self) -> None:
        """Let the client read."""
        self.reading, self.unsent = True, 0
        if self.protocol is not None:
            self.protocol.resume_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (0, None)
        self.limit = 0

    def abort(self) -> None:
        self.aborted = True

    def write_eof(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_reading(self) -> bool:
        return True


def start(status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def sends(*messages: Message) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


class Client:
    """A connection to an application without a socket."""

    def __init__(self, app: App, state: ServerState | None = None, *, reading: bool = True) -> None:
        config = uvicorn.Config(app, lifespan="off", forwarded_allow_ips="*", log_config=None)
        config.load()
        self.transport = RecordingTransport()
        self.transport.reading = reading
        self.state = state or ServerState(max_connections=5, max_body_bytes=100, metrics=Metrics())
        self.connection = self.transport.protocol = Connection(config, self.state, {})
        self.connection.connection_made(self.transport)

    async def sends(self, data: bytes) -> list[bytes]:
        self.connection.data_received(data)
        while tasks := [task for task in self.state.tasks if not task.done()]:
            await asyncio.wait(tasks)
        return self.transport.writes


async def test_response_is_written_at_once() -> None:
    client = Client(sends(start(200, [(b"Content-Length", b"2"), (b"etag", b'"1"')]), body(b"ab")))
    assert await client.sends(GET) == [b'HTTP/1.1 200 OK\r\ncontent-length: 2\r\netag: "1"\r\n\r\nab']
    assert not client.transport.closed
    assert client.state.tasks == set()


async def test_pipelined_requests_get_their_responses_in_order() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, [(b"content-length", b"2")]))
        await send(body(scope["path"].encode()))

    client = Client(app)
    writes = await client.sends(b"".join(GET.replace(b" / ", b" /%d " % number) for number in range(5)))
    assert [write[-2:] for write in writes] == [b"/0", b"/1", b"/2", b"/3", b"/4"]


async def test_body_without_a_length_is_chunked() -> None:
    writes = await Client(sends(start(), body(b"ab", more=True), body(b"", more=True), body(b"c"))).sends(GET)
    assert b"".join(writes) == (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


async def test_body_without_a_length_ends_with_the_connection_in_http_1_0() -> None:
    client = Client(sends(start(), body(b"ab", more=True), body(b"c")))
    assert b"".join(await client.sends(b"GET / HTTP/1.0\r\n\r\n")) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc"
    assert client.transport.closed


async def test_body_in_parts_keeps_its_length() -> None:
    writes = await Client(sends(start(200, LENGTH_2), body(b"a", more=True), body(b"b"))).sends(GET)
    assert writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na", b"b"]


@pytest.mark.parametrize(
    "request_, status, headers",
    [(GET.replace(b"GET", b"HEAD"), 200, LENGTH_2), (GET, 304, LENGTH_2), (GET, 304, []), (GET, 204, [])],
)
async def test_responses_without_a_body_have_none(
    request_: bytes, status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    client = Client(sends(start(status, headers), body(b"ab")))
    (write,) = await client.sends(request_)
    head, _, rest = write.partition(b"\r\n\r\n")
    assert rest == b""
    assert (b"content-length: 2" in head) == bool(headers)
    assert b"chunked" not in head
    assert not client.transport.closed


async def test_framing_headers_of_the_application_are_replaced() -> None:
    headers = [(b"transfer-encoding", b"gzip, chunked"), (b"connection", b"Close, x"), *LENGTH_2]
    client = Client(sends(start(200, headers), body(b"ab")))
    assert await client.sends(GET) == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab"]
    assert client.transport.closed


@pytest.mark.parametrize(
    "header",
    [
        (b"x-note", b"a\r\nset-cookie: b"),
        (b"x-note", b"a\nset-cookie: b"),
        (b"x-note", b"a\rb"),
        (b"x-note", b"a\0b"),
        (b"x-note", b"a\x7f"),
        (b"x-note\r\nset-cookie", b"b"),
        (b"x note", b"a"),
        (b"x:note", b"a"),
        (b"", b"a"),
    ],
)
async def test_header_that_would_inject_another_is_an_error(header: tuple[bytes, bytes]) -> None:
    client = Client(sends(start(200, [header, *LENGTH_2]), body(b"ab")))
    (write,) = await client.sends(GET)
    assert write.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in write
    assert b"x-note" not in write


async def test_tab_and_bytes_beyond_ascii_are_valid_in_a_header() -> None:
    (write,) = await Client(sends(start(200, [(b"x-note", b"a\t\xff"), *LENGTH_2]), body(b"ab"))).sends(GET)
    assert b"x-note: a\t\xff\r\n" in write


@pytest.mark.parametrize("content", [b"a", b"abc"])
async def test_body_of_another_length_is_an_error(content: bytes) -> None:
    client = Client(sends(start(200, LENGTH_2), body(content)))
    (write,) = await client.sends(GET)
    assert write.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nconnection: close\r\n" in write


@pytest.mark.parametrize(
    "messages",
    [(), (start(),), (start(200, LENGTH_2), start()), (body(b"ab"),), ({"type": "http.response.push"},)],
    ids=["none", "start only", "start twice", "body only", "unknown"],
)
async def test_application_that_does_not_respond_gets_a_500(messages: tuple[Message, ...]) -> None:
    client = Client(sends(*messages))
    (write,) = await client.sends(GET)
    assert write.startswith(b"HTTP/1.1 500 ")
    assert client.transport.closed


async def test_response_that_breaks_off_closes_the_connection() -> None:
    client = Client(sends(start(200, LENGTH_2), body(b"a", more=True)))
    assert len(await client.sends(GET)) == 1
    assert client.transport.closed


async def test_100_continue_is_sent_when_the_application_reads() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"ab"
        await sends(start(200, LENGTH_2), body(b"cd"))(scope, receive, send)

    client = Client(app)
    client.connection.data_received(POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    await asyncio.sleep(0)
    assert client.transport.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    _, response = await client.sends(b"ab")
    assert response.endswith(b"cd")


async def test_application_receives_the_end_of_the_body_and_the_disconnect() -> None:
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not received or received[-1]["type"] != "http.disconnect":
            received.append(await receive())

    client = Client(app)
    for part in (POST, b"a", b"b"):
        client.connection.data_received(part)
        await asyncio.sleep(0)
    client.connection.connection_lost(None)
    await asyncio.sleep(0.01)
    assert [message.get("body") for message in received] == [b"a", b"b", None]
    assert client.transport.writes == []


async def test_body_that_times_out_is_raised_in_the_application() -> None:
    raised: list[HttpProblem] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while True:
                await receive()
        except HttpProblem as error:
            raised.append(error)
        await sends(start(408, LENGTH_2), body(b"ab"))(scope, receive, send)

    client = Client(app)
    client.connection.data_received(POST + b"a")
    await asyncio.sleep(0)
    client.connection.check_time(asyncio.get_running_loop().time() + 60)
    (write,) = await client.sends(b"")
    assert [(error.code, error.detail) for error in raised] == [
        ("request_too_slow", "the body of the request was not complete after 60 s")
    ]
    assert b"\r\nconnection: close\r\n" in write
    assert client.transport.closed


async def test_responses_close_their_connection_while_the_server_drains() -> None:
    client = Client(sends(start(200, LENGTH_2), body(b"ab")))
    client.state.draining = True
    (write,) = await client.sends(GET)
    assert b"\r\nconnection: close\r\n" in write
    assert client.transport.closed


async def test_application_waits_while_the_client_does_not_read() -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start())
        for _ in range(3):
            await send(body(b"ab", more=True))
            sent += 1

    client = Client(app)
    client.connection.data_received(GET)
    client.connection.pause_writing()
    await asyncio.sleep(0.01)
    assert sent == 0
    client.connection.resume_writing()
    await client.sends(b"")
    assert sent == 3


@pytest.mark.parametrize("arrives", ["pipelined", "after the response"])
async def test_next_request_is_not_started_while_bytes_are_unsent(arrives: str) -> None:
    started: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        started.append(scope["path"])
        await sends(start(200, LENGTH_2), body(b"ab"))(scope, receive, send)

    client = Client(app, reading=False)
    first, second, third = (GET.replace(b" / ", b" /%d " % number) for number in range(3))
    if arrives == "pipelined":
        await client.sends(first + second + third)
    else:
        await client.sends(first)
        await client.sends(second + third)
    assert started == ["/0"]

    client.transport.read_all()
    client.transport.reading = False
    await client.sends(b"")
    assert started == ["/0", "/1"]

    client.transport.read_all()
    await client.sends(b"")
    assert started == ["/0", "/1", "/2"]


async def test_unsent_bytes_of_all_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_UNSENT_BYTES", 2_500)
    state = ServerState(max_connections=9, max_body_bytes=100, metrics=Metrics())
    thousand = sends(start(200, [(b"content-length", b"1000")]), body(b"a" * 1_000))
    clients = [Client(thousand, state, reading=False) for _ in range(4)]
    for client in clients[:2]:
        await client.sends(GET)
    assert not any(client.transport.aborted for client in clients)

    await clients[2].sends(GET)
    clients[1].transport.read_all()
    await clients[3].sends(GET)

    assert [client.transport.aborted for client in clients] == [True, False, False, False]
    assert sum(state.unsent.values()) == sum(client.transport.unsent for client in clients[1:]) < 2_500
    assert state.metrics._registry.get_sample_value("orderkeep_http_connections_cut_total", {"reason": "unsent"}) == 1


async def test_one_response_may_be_larger_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_UNSENT_BYTES", 1)
    client = Client(sends(start(200, LENGTH_2), body(b"ab")), reading=False)
    await client.sends(GET)
    assert not client.transport.aborted


async def test_client_with_pipelined_requests_that_does_not_read_makes_room_for_another() -> None:
    app = sends(start(200, LENGTH_2), body(b"ab"))
    state = ServerState(max_connections=1, max_body_bytes=100, metrics=Metrics())
    stalled = Client(app, state, reading=False)
    await stalled.sends(GET * 3)
    another = Client(app, state)
    assert stalled.transport.aborted
    assert await another.sends(GET) == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"]


async def test_response_in_parts_has_one_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads each part just in time is not too slow before that."""
    monkeypatch.setattr(limits, "RESPONSE_SECONDS", 20.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        for _ in range(100):
            await send(body(b"a" * 65_536, more=True))

    client = Client(app, reading=False)
    client.connection.data_received(GET)
    now, parts = asyncio.get_running_loop().time(), 0
    while not client.transport.aborted and parts < 99:
        await asyncio.sleep(0.001)
        client.connection.check_time(now)
        now, parts = now + 5.0, parts + 1
        client.transport.read_all()
        client.transport.reading = False
    assert parts == 6


async def test_stream_has_no_time_limit_as_long_as_the_client_reads_all_that_was_sent() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[WAIT_SECONDS] = inf
        await send(start())
        for _ in range(100):
            await send(body(b"a", more=True))

    client = Client(app, reading=False)
    client.connection.data_received(GET)
    now = asyncio.get_running_loop().time()
    for _ in range(50):
        await asyncio.sleep(0.001)
        client.connection.check_time(now)
        now += limits.RESPONSE_SECONDS
        client.transport.read_all()
        client.transport.reading = False
    assert not client.transport.aborted
    await asyncio.sleep(0.001)
    client.connection.check_time(now)
    client.connection.check_time(now + limits.RESPONSE_PAUSE_SECONDS + 1)
    assert client.transport.aborted, "it is not read any more"


async def test_request_that_waits_has_more_time() -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope[WAIT_SECONDS] = 20
        try:
            await asyncio.sleep(3_600)
        finally:
            ended.set()

    client = Client(app)
    client.connection.data_received(GET)
    await asyncio.sleep(0)
    now = asyncio.get_running_loop().time()
    for seconds in (0, 20 + limits.APPLICATION_SECONDS, 20.5 + limits.APPLICATION_SECONDS):
        assert not ended.is_set(), seconds
        client.connection.check_time(now + seconds)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert ended.is_set()


@pytest.mark.parametrize(
    "header, expected",
    [
        (b"X-Forwarded-For: 192.0.2.7", ("http", ("192.0.2.7", 0))),
        (b"X-Forwarded-Proto: https", ("https", None)),
        (b"X-Forwarded-Host: elsewhere", ("http", None)),
    ],
)
async def test_application_receives_the_headers_of_a_trusted_proxy(
    header: bytes, expected: tuple[str, tuple[str, int] | None]
) -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["scheme"], scope["client"]))
        await sends(start(200, LENGTH_2), body(b"ab"))(scope, receive, send)

    await Client(app).sends(GET.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\n"))
    assert seen == [expected]


def test_only_the_first_header_names_are_remembered() -> None:
    prefixes = _HeaderPrefixes()
    assert [prefixes[b"X-%d" % number] for number in (1, 2)] == [b"x-1: ", b"x-2: "]
    assert {prefixes[b"x-%d" % number] for number in range(1_000)} == {b"x-%d: " % number for number in range(1_000)}
    assert len(prefixes) == 100
