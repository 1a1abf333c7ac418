"""Clients that never finish are disconnected, all kinds of them at once; one that is slow and finishes is served."""

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

from orderkeep.entrypoints.api.http1 import limits
from tests.entrypoints.served import serving
from tests.faults import slow_clients
from tests.faults.slow_clients import HEAD, Ended, send

PROMISED = 10.0
AT_MOST = 15.0
"""What is promised, and what a busy machine may make of it."""

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"

SLOW: dict[str, AsyncIterator[bytes]] = {
    "idle": slow_clients.once(b""),
    "empty lines": slow_clients.empty_lines(),
    "head at a byte a second": slow_clients.slowly(GET + b"X: " + b"y" * 999),
    "head without end": slow_clients.once(GET),
    "request line without end": slow_clients.once(b"GET /livez"),
    "body at a byte a second": slow_clients.head_and(slow_clients.slowly(b" " * 4_000)),
    "body that never comes": slow_clients.once(HEAD + b"\r\n"),
    "body without end": slow_clients.head_and(slow_clients.once(b" " * 2_000)),
    "chunks of a byte a second": slow_clients.a_chunk_a_second(),
    "expects to be told to go on": slow_clients.once(HEAD + b"Expect: 100-continue\r\n\r\n"),
    "idle after an answer": slow_clients.an_answer_and(slow_clients.once(b"")),
    "empty lines after an answer": slow_clients.an_answer_and(slow_clients.empty_lines()),
    "second head without end": slow_clients.an_answer_and(slow_clients.once(GET)),
}
SAYS_NOTHING = {"idle", "empty lines", "idle after an answer", "empty lines after an answer"}


def test_no_bound_is_later_than_what_is_promised() -> None:
    for seconds in (limits.HEAD_SECONDS, limits.BODY_PAUSE_SECONDS, limits.RESPONSE_PAUSE_SECONDS):
        assert seconds + 2 * limits.SWEEP_SECONDS < PROMISED
    assert limits.KEEP_ALIVE_SECONDS < PROMISED


async def test_slow_clients_are_cut_side_by_side() -> None:
    with serving(store="memory://") as (client, _):
        port = client.base_url.port or 80
        ended = await asyncio.gather(*(send(port, parts, AT_MOST) for parts in SLOW.values()))
        told = dict(zip(SLOW, ended, strict=True))
        for name, end in told.items():
            assert _last_status(end) == (408 if name not in SAYS_NOTHING else None), (name, end)
        metrics = client.get("/metrics").text
    assert 'orderkeep_http_connections_cut_total{reason="head"} 4.0' in metrics
    assert 'orderkeep_http_connections_cut_total{reason="body"} 5.0' in metrics
    assert 'orderkeep_http_connections_cut_total{reason="idle"} 3.0' in metrics
    assert 'orderkeep_http_requests_refused_total{code="request_too_slow"} 9.0' in metrics
    assert 'orderkeep_http_requests_total{method="POST",route="/orders",status="408"} 5.0' in metrics
    assert re.search(r"orderkeep_http_connections [12]\.0", metrics)


def _last_status(end: Ended) -> int | None:
    """Return the status of the refusal, if there is one. It is a problem document."""
    *_, last = end.heard.split(b"HTTP/1.1 ")
    if not last.startswith(b"408 "):
        return None
    problem = json.loads(last.partition(b"\r\n\r\n")[2])
    assert problem["code"] == "request_too_slow"
    assert b"connection: close\r\n" in last
    return int(problem["status"])


def test_client_that_does_not_read_is_disconnected() -> None:
    with serving(store="memory://") as (client, _), socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(30)
        connection.connect((client.base_url.host, client.base_url.port))
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 30)
        end = time.monotonic() + 30
        while 'cut_total{reason="response"} 1.0' not in client.get("/metrics").text:
            assert time.monotonic() < end
            time.sleep(0.2)


async def test_a_slow_and_honest_client_is_served(tmp_path: Path) -> None:
    """64 KB at 6 KB a second take longer than any pause may."""
    note = {f"key-{number}": "x" * 490 for number in range(50)}
    lines = [{"sku": f"sku-{number}", "name": "n" * 190, "quantity": 1, "unit_price": 1} for number in range(155)]
    body = json.dumps({"user_id": "u", "total": 155, "currency": "EUR", "lines": lines, "metadata": note}).encode()
    assert len(body) > 64_000
    head = HEAD.replace(b"4000", str(len(body)).encode()) + b"Connection: close\r\n\r\n"
    with serving(store=f"sqlite:///{tmp_path}/orders.db") as (client, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(head)
        for start in range(0, len(body), 3_072):
            await asyncio.sleep(0.5)
            writer.write(body[start : start + 3_072])
        async with asyncio.timeout(30):
            heard = await reader.read()
        writer.close()
    assert heard.startswith(b"HTTP/1.1 201 ")
