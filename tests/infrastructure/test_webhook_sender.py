"""Webhooks are sent as the reference says, whatever their receivers do."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderkeep.application.webhooks.sending import WebhookResponse
from orderkeep.infrastructure import webhook_sender
from orderkeep.infrastructure.webhook_addresses import AddressGuard
from orderkeep.infrastructure.webhook_sender import AiohttpWebhookSender
from tests.infrastructure.receiver_zoo import (
    KINDS,
    Behaviour,
    Certificates,
    Kind,
    http_date,
    lookup,
    read_request,
    response,
    sends,
    serving,
    the_zoo,
)

CONNECT, TOTAL = 3.0, 5.0
FRAGMENTS = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 204 \r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 999 \r\n", b"\r\n"),
    *(
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Retry-After: \xff\r\n",
    ),
    *(
        b"Set-Cookie: \xff=\x80; Max-Age=x\r\n",
        b"Location: http://[\r\n",
        b"Content-Type: \x00\r\n",
        b"0\r\n\r\n",
        b"3\r\nabc\r\n",
    ),
    *(b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Link: <x>; rel=\r\n", b" folded\r\n", b"Digest: \xe9\r\n"),
]
HEADERS = {"Content-Type": "application/cloudevents+json", "webhook-id": "order-1.2.1"}

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def run(main: Coroutine[Any, Any, Any], loop: str = "asyncio") -> Any:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(main)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture(scope="module", params=LOOPS)
def responses(request: pytest.FixtureRequest, certificates: Certificates) -> dict[str, WebhookResponse]:
    """What the sender returns for each kind of receiver."""

    async def send_to_all() -> dict[str, WebhookResponse]:
        sender = AiohttpWebhookSender(AddressGuard(local=True, lookup=lookup), certificates.trusting(), CONNECT, TOTAL)
        async with the_zoo(certificates) as urls:
            sent = await asyncio.gather(*(sender.send(url, HEADERS, b'{"a": 1}') for url in urls.values()))
            await sender.close()
            return dict(zip(urls, sent, strict=True))

    found: dict[str, WebhookResponse] = run(send_to_all(), request.param)
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_response_of_each_receiver_is_that_of_the_reference(kind: Kind, responses: dict[str, WebhookResponse]) -> None:
    found = responses[kind.name]
    assert (found.status, found.error) == (kind.status, kind.error_with(CONNECT, TOTAL))
    assert found.body == kind.body
    if kind.retry_date:
        assert found.retry_after is not None
        assert 60 < found.retry_after <= 120
    else:
        assert found.retry_after == kind.retry_after
    assert found.seconds > 0


class Recorder:
    """A receiver that keeps connections open, and records requests and the number of connections."""

    def __init__(self, answer: bytes = response("200 OK")) -> None:
        self.answer = answer
        self.requests, self.connections, self.closed = list[bytes](), 0, asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await read_request(reader))
                writer.write(self.answer)
        finally:
            self.closed.set()


@asynccontextmanager
async def sender_to(behave: Behaviour, total_seconds: float = 60) -> AsyncIterator[tuple[AiohttpWebhookSender, str]]:
    """Yield a sender in local mode, and the URL of a receiver."""
    sender = AiohttpWebhookSender(AddressGuard(local=True), total_seconds=total_seconds)
    async with serving(behave) as port:
        try:
            yield sender, f"http://127.0.0.1:{port}"
        finally:
            await sender.close()


async def test_request_has_the_given_headers_and_no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither proxies nor passwords of the environment are used."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login jo password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    for name, value in {
        "NETRC": str(tmp_path / "netrc"),
        "http_proxy": "http://127.0.0.1:1",
        "all_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    recorder = Recorder()
    async with sender_to(recorder) as (sender, url):
        await sender.send(f"{url}/a%2Fb/%41?c=%20d+%7e&e", HEADERS, b"body")
    head, _, body = recorder.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert (first, body) == ("POST /a%2Fb/%41?c=%20d+%7e&e HTTP/1.1", b"body")
    assert sorted(lines) == [
        "Accept: */*",
        "Content-Length: 4",
        "Content-Type: application/cloudevents+json",
        f"Host: {url.removeprefix('http://')}",
        "User-Agent: orderkeep",
        "webhook-id: order-1.2.1",
    ]


async def test_cookies_are_not_returned() -> None:
    recorder = Recorder(response("200 OK", b"", "Set-Cookie: a=b; Path=/"))
    async with sender_to(recorder) as (sender, url):
        await sender.send(url.replace("127.0.0.1", "localhost"), HEADERS, b"1")
        await sender.send(url.replace("127.0.0.1", "localhost"), HEADERS, b"2")
    assert len(recorder.requests) == 2
    assert b"cookie" not in recorder.requests[1].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(status: int) -> None:
    target = Recorder()
    async with serving(target) as port:
        location = f"Location: http://127.0.0.1:{port}/"
        async with sender_to(sends(response(f"{status} Moved", b"", location))) as (sender, url):
            assert (await sender.send(url, HEADERS, b"1")).status == status
            assert target.connections == 0
            await sender.send(f"http://127.0.0.1:{port}/", HEADERS, b"1")
            assert target.connections == 1


@pytest.mark.parametrize("value", ["a\r\nX-Injected: b", "a\nX-Injected: b", "a\rX-Injected: b", "a\0b"])
async def test_headers_cannot_be_injected(value: str) -> None:
    recorder = Recorder()
    async with sender_to(recorder) as (sender, url):
        with pytest.raises(ValueError, match=r"Newline|header"):
            await sender.send(url, {"webhook-id": value}, b"1")
    assert recorder.requests == []


async def test_connection_is_used_again_and_not_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    async with sender_to(recorder) as (sender, url):
        await sender.send(url, HEADERS, b"1")
        await sender.send(url, HEADERS, b"2")
        assert (recorder.connections, recorder.closed.is_set()) == (1, False)
        monkeypatch.setattr(webhook_sender, "CONNECTION_SECONDS", -1.0)
        await sender.send(url, HEADERS, b"3")
        await recorder.closed.wait()
        assert recorder.connections == 2


async def test_delivery_in_progress_ends_on_its_old_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    received, go_on = asyncio.Event(), asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        received.set()
        await go_on.wait()
        writer.write(response("200 OK", b"late"))

    monkeypatch.setattr(webhook_sender, "CONNECTION_SECONDS", -1.0)
    async with sender_to(behave) as (sender, url):
        first = asyncio.create_task(sender.send(url, HEADERS, b"1"))
        await received.wait()
        second = asyncio.create_task(sender.send(url, HEADERS, b"2"))
        await asyncio.sleep(0.01)
        go_on.set()
        assert [(await sent).body for sent in (first, second)] == [b"late", b"late"]


async def test_cancelled_delivery_closes_its_connection() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        started.set()
        assert await reader.read() == b""
        ended.set()

    async with sender_to(behave) as (sender, url):
        sent = asyncio.create_task(sender.send(url, HEADERS, b"1"))
        await started.wait()
        sent.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sent
        await ended.wait()


async def test_flood_is_closed_after_64_kilobytes() -> None:
    """The rest is in buffers of the sockets at most."""
    accepted = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()
            accepted += 65_536

    async with sender_to(behave) as (sender, url):
        assert (await sender.send(url, HEADERS, b"1")).status == 200
    assert accepted < 20_000_000


async def test_url_that_is_not_allowed_is_not_sent_to() -> None:
    sender = AiohttpWebhookSender(AddressGuard())
    found = await sender.send("http://localhost:1/", HEADERS, b"1")
    assert found.error == "the URL must begin with https://; http is allowed for localhost in local mode only"


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("0", 0.0),
        ("86401", 86_400.0),
        ("99999999999999999999", 86_400.0),
        ("999999999999999999999", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
    ],
)
async def test_retry_after_is_bounded(value: str, seconds: float | None) -> None:
    async with sender_to(sends(response("503 Busy", b"", f"Retry-After: {value}"))) as (sender, url):
        assert (await sender.send(url, HEADERS, b"1")).retry_after == seconds


async def test_retry_after_without_a_time_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    date = http_date().replace("GMT", "-0000")
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        async with sender_to(sends(response("503 Busy", b"", f"Retry-After: {date}"))) as (sender, url):
            found = (await sender.send(url, HEADERS, b"1")).retry_after
    time.tzset()
    assert found is not None
    assert 0 < found <= 120


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=20), max_size=8))
def test_no_response_raises(parts: list[bytes]) -> None:
    async def send() -> WebhookResponse:
        async with sender_to(sends(*parts), total_seconds=0.2) as (sender, url):
            return await sender.send(url, HEADERS, b"1")

    found = run(send())
    assert (found.status is None) == (found.error is not None)


def test_http_client_is_loaded_when_the_first_webhook_is_sent() -> None:
    """The command line and the service start without it, and create webhooks without it."""
    program = """
import asyncio, sys
import orderkeep.entrypoints.api.server, orderkeep.entrypoints.cli.main
from orderkeep.bootstrap.webhooks import open_sender

async def main():
    sender = open_sender(local=True)
    await sender.check("http://localhost:1/")
    print("aiohttp" in sys.modules)
    sent = await asyncio.gather(*(sender.send("http://localhost:1/", {}, b"{}") for _ in range(2)))
    print("aiohttp" in sys.modules, {each.error for each in sent})
    await sender.close()

asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["False", "True {'the connection was refused'}"]
    assert ran.stderr == ""
