"""Receivers of webhooks that behave in every way that we could think of, each with what the sender makes of it."""

import asyncio
import datetime as dt
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import trustme

from orderkeep.infrastructure.webhook_addresses import CONNECT_SECONDS
from orderkeep.infrastructure.webhook_sender import TOTAL_SECONDS

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

NO_CONNECTION, NO_RESPONSE = "no connection within {connect:g} seconds", "no complete response within {total:g} seconds"
CLOSED = "the connection was closed before the response was complete"
NOT_HTTP = "the response is not valid HTTP, or its headers are too large"


@dataclass(frozen=True, slots=True)
class Kind:
    """A receiver: what it does, as the documentation says it, and what comes of a request to it."""

    name: str
    behave: Behaviour
    status: int | None = None
    error: str | None = None
    body: bytes = b""
    retry_after: float | None = None
    retry_date: bool = False
    tls: str = ""
    """The certificate: `valid`, `other host`, `expired`, `untrusted`, or none with plain HTTP."""

    plain_behind_https: bool = False

    url: str = ""
    """Instead of a URL of the zoo."""

    @property
    def outcome(self) -> str:
        """What becomes of the event."""
        if self.status is not None and 200 <= self.status < 300:
            return "delivered"
        if self.status == 410:
            return "retried after `resume`: the subscription is paused"
        return "retried, not before that time" if self.retry_after is not None else "retried"

    def error_with(self, connect: float, total: float) -> str | None:
        return None if self.error is None else self.error.format(connect=connect, total=total)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read a request with a `Content-Length`, and return it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head + await reader.readexactly(length)


IN_TWO_MINUTES = b"(in two minutes)"
"""In a part to send, the HTTP date of two minutes later than it is sent."""


def http_date(seconds: int = 120) -> str:
    """Return the time in that many seconds, as HTTP headers have it."""
    return f"{dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds):%a, %d %b %Y %H:%M:%S GMT}"


def sends(*parts: bytes, pause: float = 0, then: Behaviour | None = None) -> Behaviour:
    """Read the request, send the parts with pauses, and close the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for part in parts:
            writer.write(part.replace(IN_TWO_MINUTES, http_date().encode()))
            await writer.drain()
            await asyncio.sleep(pause)
        if then is not None:
            await then(reader, writer)

    return behave


def repeats(part: bytes, pause: float = 0) -> Behaviour:
    """Send a part for as long as the client accepts it."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3_600)


async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the connection with a TCP reset."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def response(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a response with a `Content-Length`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def head(*lines: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "")).encode()


CHUNKED = head("Transfer-Encoding: chunked", "")
ZIPPED = gzip.compress(bytes(20_000_000))

KINDS = [
    Kind("responds 200 with a short body", sends(response("200 OK", b"thanks")), 200, body=b"thanks"),
    Kind("responds 204", sends(b"HTTP/1.1 204 No Content\r\n\r\n"), 204),
    Kind("responds 202 in chunks", sends(CHUNKED.replace(b"200", b"202"), b"2\r\nok\r\n0\r\n\r\n"), 202, body=b"ok"),
    Kind("responds in HTTP/1.0, without a length", sends(b"HTTP/1.0 200 OK\r\n\r\nold"), 200, body=b"old"),
    Kind(
        "responds 200 with a body that is not UTF-8",
        sends(response("200 OK", b"\xff\xfe\x00")),
        200,
        body=b"\xff\xfe\x00",
    ),
    Kind(
        "responds 200 with a compressed body, which stays as it is",
        sends(response("200 OK", ZIPPED, "Content-Encoding: gzip")),
        200,
        body=ZIPPED[:1024],
    ),
    Kind("responds 200 with a body of 10 MB", sends(response("200 OK", b"x" * 10_000_000)), 200, body=b"x" * 1024),
    Kind(
        "responds 200 and sends data without end",
        sends(CHUNKED, then=repeats(b"3e8\r\n%b\r\n" % (b"y" * 1000))),
        200,
        body=b"y" * 1024,
    ),
    Kind(
        "responds 200, and its body takes a moment for each byte",
        sends(head("Content-Length: 9", ""), *(b"%d" % n for n in range(9)), pause=0.01),
        200,
        body=b"012345678",
    ),
    Kind("sends 103 Early Hints before 200", sends(b"HTTP/1.1 103 Early Hints\r\n\r\n", response("200 OK")), 200),
    Kind("redirects to a private address", sends(response("302 Found", b"", "Location: http://169.254.169.254/")), 302),
    Kind(
        "redirects with 307 to another public URL",
        sends(response("307 Temporary Redirect", b"", "Location: https://example.com/")),
        307,
    ),
    Kind(
        "responds 101 Switching Protocols",
        sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        101,
    ),
    Kind("responds 401", sends(response("401 Unauthorized", b"no", "WWW-Authenticate: Basic")), 401, body=b"no"),
    Kind("responds 404", sends(response("404 Not Found", b"lost")), 404, body=b"lost"),
    Kind("responds 410", sends(response("410 Gone")), 410),
    Kind(
        "responds 429 with `Retry-After: 120`",
        sends(response("429 Too Many Requests", b"", "Retry-After: 120")),
        429,
        retry_after=120,
    ),
    Kind(
        "responds 503 with a date in `Retry-After`",
        sends(response("503 Service Unavailable", b"", f"Retry-After: {IN_TWO_MINUTES.decode()}")),
        503,
        retry_after=120,
        retry_date=True,
    ),
    Kind(
        "responds 503 with an invalid `Retry-After`",
        sends(response("503 Service Unavailable", b"", "Retry-After: soon")),
        503,
    ),
    Kind("responds 500", sends(response("500 Internal Server Error", b"oops")), 500, body=b"oops"),
    Kind("closes the connection at once", close, error=CLOSED),
    Kind("closes the connection after the request", sends(), error=CLOSED),
    Kind("resets the connection after the request", sends(then=reset), error=CLOSED),
    Kind("closes the connection in the headers", sends(head("Content-Length: 9")), error=CLOSED),
    Kind("closes the connection in the body", sends(head("Content-Length: 9", ""), b"1234"), error=CLOSED),
    Kind("never responds", sends(then=hang), error=NO_RESPONSE),
    Kind("hangs in the headers", sends(head("Content-Length: 9"), then=hang), error=NO_RESPONSE),
    Kind("hangs in the body", sends(head("Content-Length: 9", ""), b"1234", then=hang), error=NO_RESPONSE),
    Kind(
        "sends a header slowly, without end",
        sends(b"HTTP/1.1 200 OK\r\nX: ", then=repeats(b"a", 0.01)),
        error=NO_RESPONSE,
    ),
    Kind("sends a body slowly, without end", sends(CHUNKED, then=repeats(b"1\r\nz\r\n", 0.01)), error=NO_RESPONSE),
    Kind(
        "sends 103 Early Hints without end",
        sends(then=repeats(b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001)),
        error=NO_RESPONSE,
    ),
    Kind("sends a header of 100 KB", sends(response("200 OK", b"", "X: " + "a" * 100_000)), error=NOT_HTTP),
    Kind(
        "sends headers without end",
        sends(b"HTTP/1.1 200 OK\r\n", then=repeats(b"X-Name: value\r\n")),
        error=NOT_HTTP,
    ),
    Kind("responds in another protocol", sends(b"SSH-2.0-OpenSSH_9.9\r\n"), error=NOT_HTTP),
    Kind("sends an invalid chunk with its headers", sends(CHUNKED + b"zz\r\nnonsense\r\n"), error=NOT_HTTP),
    # aiohttp reports no error then.
    Kind("sends an invalid chunk a moment later", sends(CHUNKED, b"zz\r\nnonsense\r\n", pause=0.1), error=NO_RESPONSE),
    Kind("sends an invalid `Content-Length`", sends(head("Content-Length: -5", "")), error=NOT_HTTP),
    Kind(
        "sends `Content-Length` and `Transfer-Encoding`",
        sends(head("Content-Length: 5", "Transfer-Encoding: chunked", ""), b"0\r\n\r\n"),
        error=NOT_HTTP,
    ),
    Kind("responds 200 over TLS", sends(response("200 OK", b"safe")), 200, body=b"safe", tls="valid"),
    Kind("has a certificate for another host", hang, error="the TLS certificate is for another host", tls="other host"),
    Kind("has an expired certificate", hang, error="the TLS certificate has expired", tls="expired"),
    Kind(
        "has a self-issued certificate",
        hang,
        error="the TLS certificate is not issued by a trusted authority",
        tls="untrusted",
    ),
    Kind(
        "responds in plain HTTP on an https URL",
        repeats(response("200 OK")),
        error="the TLS handshake failed",
        plain_behind_https=True,
    ),
    Kind("closes the connection in the TLS handshake", close, error="the connection failed", plain_behind_https=True),
    Kind("hangs in the TLS handshake", hang, error=NO_CONNECTION, plain_behind_https=True),
]

KINDS += [
    Kind("refuses connections", hang, error="the connection was refused", url="http://localhost:1/"),
    Kind(
        "has a host name that does not exist",
        hang,
        error="the host name could not be resolved",
        url="https://nowhere.example/",
    ),
    Kind("has a name server that hangs", hang, error=NO_CONNECTION, url="https://slow.example/"),
    Kind(
        "has a host name with a private address, among others",
        hang,
        error="the host has an address that is not public",
        url="https://mixed.example/",
    ),
]


async def lookup(host: str) -> list[str]:
    """Resolve the host names of the zoo."""
    if host == "slow.example":
        await asyncio.sleep(3_600)
    return {"mixed.example": ["93.184.215.14", "10.0.0.1"]}.get(host, [])


def rows_of_documentation() -> list[tuple[str, ...]]:
    """Return the table of the reference."""
    rows: list[tuple[str, ...]] = [("the receiver", "`status`", "`error`", "the event is")]
    for kind in KINDS:
        error = kind.error_with(CONNECT_SECONDS, TOTAL_SECONDS)
        rows.append((kind.name, str(kind.status or ""), error or "", kind.outcome))
    return rows


@dataclass(slots=True)
class Certificates:
    """An authority that the sender trusts, and the certificates of the receivers."""

    authority: trustme.CA = field(default_factory=trustme.CA)

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def context(self, kind: str) -> ssl.SSLContext:
        long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        issued = {
            "valid": lambda: self.authority.issue_cert("localhost"),
            "other host": lambda: self.authority.issue_cert("shop.example.com"),
            "expired": lambda: self.authority.issue_cert(
                "localhost", not_before=long_ago, not_after=long_ago + dt.timedelta(days=9)
            ),
            "untrusted": lambda: trustme.CA().issue_cert("localhost"),
        }[kind]()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        issued.configure_cert(context)
        return context


@asynccontextmanager
async def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1 until the block ends, and yield the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def the_zoo(certificates: Certificates) -> AsyncIterator[dict[str, str]]:
    """Serve all kinds, and yield the URL of each."""
    async with AsyncExitStack() as stack:
        urls = {}
        for kind in KINDS:
            if kind.url:
                urls[kind.name] = kind.url
                continue
            tls = certificates.context(kind.tls) if kind.tls else None
            port = await stack.enter_async_context(serving(kind.behave, tls))
            scheme = "https" if kind.tls or kind.plain_behind_https else "http"
            urls[kind.name] = f"{scheme}://localhost:{port}/webhooks?of=shop"
        yield urls
