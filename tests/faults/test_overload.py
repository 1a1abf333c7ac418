"""More than the service can do at once: it says so at once, loses nothing it acknowledged, and goes on after that."""

import asyncio
import random
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.served import connected, next_answer, serving
from tests.faults.keyed_writers import Journal, KeyedWriter
from tests.faults.killed_server import KilledServer
from tests.faults.loss_checker import complaints, read_kept
from tests.faults.occupied import held, waiting

WRITERS = 48
SECONDS = 3.0
MORE_MEMORY = 30_000_000


def status_on(connection: socket.socket) -> int | None:
    with connection.makefile("rb") as stream:
        answer = next_answer(stream)
    return answer.status if answer else None


def refusal_of(client: httpx.Client) -> httpx.Response:
    """Return the answer to who is one too many, as soon as the others are at work."""
    for _ in range(1_000):
        answer = client.get("/lifecycle")
        if answer.status_code != 200:
            return answer
    pytest.fail("nobody is refused")


def test_what_is_too_much_is_rejected_at_once_and_what_is_under_way_is_done(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    with serving(store=f"sqlite:///{file}", max_concurrency=3) as (client, _), ExitStack() as stack:
        with held(file):
            connections = stack.enter_context(waiting(client, 3))
            refused = refusal_of(client)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["request_id"] == refused.headers["x-request-id"]
            for path in ("/livez", "/readyz"):
                assert client.get(path).status_code == 200
            assert 'requests_refused_total{code="overloaded"} 1.0' in client.get("/metrics").text
        assert [status_on(connection) for connection in connections] == [201, 201, 201]
        assert client.post("/orders", json=PLAIN).status_code == 201
        assert len(client.get("/orders").json()["data"]) == 4


def test_slow_upload_does_not_use_a_concurrency_slot() -> None:
    head = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with serving(store="memory://", max_concurrency=2) as (client, _), ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(connected(client)).sendall(head)
        assert client.post("/orders", json=PLAIN).status_code == 201
        assert client.get("/orders").status_code == 200


def test_idle_connection_is_closed_for_a_new_one() -> None:
    with serving(store="memory://", max_connections=4) as (client, _), ExitStack() as stack:
        idle = [stack.enter_context(connected(client)) for _ in range(9)]
        with httpx.Client(base_url=client.base_url) as another:
            assert another.get("/livez").status_code == 200
            assert 'connections_cut_total{reason="crowded"} 6.0' in another.get("/metrics").text
        assert sum(map(_is_cut, idle)) == 6


def _is_cut(connection: socket.socket) -> bool:
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_excess_connection_gets_503_if_all_others_are_busy(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    with serving(store=f"sqlite:///{file}", max_connections=3) as (client, _), ExitStack() as stack:
        client.close()
        with held(file):
            connections = stack.enter_context(waiting(client, 3))
            with connected(client) as another, another.makefile("rb") as stream:
                answer = next_answer(stream)
                assert answer
                assert (answer.status, answer.json["code"]) == (503, "overloaded")
                assert answer.headers["retry-after"] == "1"
                assert next_answer(stream) is None
        assert [status_on(connection) for connection in connections] == [201, 201, 201]


async def test_nothing_acknowledged_is_lost_and_all_is_as_before_once_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERKEEP_MAX_CONCURRENCY", "2")
    monkeypatch.setenv("ORDERKEEP_MAX_CONNECTIONS", "60")
    server, journal = KilledServer(tmp_path), Journal()
    writers = [KeyedWriter(f"w{n}", server, journal, random.Random(n), patient=True) for n in range(WRITERS)]
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url) as client:
            before = _memory_of(server)
            async with asyncio.TaskGroup() as group:
                for writer in writers:
                    group.create_task(writer.write())
                await asyncio.sleep(SECONDS)
                metrics = (await client.get("/metrics")).text
                for writer in writers:
                    writer.stop()
            assert _memory_of(server) - before < MORE_MEMORY
            assert [(await client.get("/orders?limit=1")).status_code for _ in range(20)] == [200] * 20
    finally:
        await server.kill()
    kept, problems = await read_kept(server.store)
    assert [*complaints(journal.acknowledged, kept), *problems] == []
    assert journal.acknowledged
    assert 'orderkeep_http_requests_refused_total{code="overloaded"}' in metrics


def _memory_of(server: KilledServer) -> int:
    return int(psutil.Process(server.pid).memory_info().rss)
