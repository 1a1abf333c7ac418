"""The live stream of a real server: it is killed at random and followed again, it is stopped, and it is not read."""

import asyncio
import json
import os
import random
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.entrypoints.http_calls import PLAIN
from tests.entrypoints.served import SERVE, serving
from tests.faults.keyed_writers import Journal, KeyedWriter
from tests.faults.killed_server import KilledServer

KILLS = 6
WRITERS = 4
SHORTEST_LOAD, LONGEST_LOAD = 0.2, 0.8
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(2**32)))
"""Printed with a failure; set `KILL_SEED` to it to see the same orders and moments again."""


class Reader:
    """A client that connects again after each failure, and stops with the event at `last_position`."""

    def __init__(self, server: KilledServer) -> None:
        self.server, self.received, self.connections = server, list[str](), 0
        self.last_position: int | None = None
        self._position = 0

    def is_complete(self) -> bool:
        return self.last_position is not None and self._position >= self.last_position

    def add(self, event: dict[str, Any]) -> None:
        self.received.append(event["id"])
        self._position = event["position"]


async def follow(reader: Reader, *, remembers: bool) -> None:
    """Follow the stream. One that does not remember its last event begins again at the last position."""
    async with httpx.AsyncClient(base_url=reader.server.url, timeout=5) as client:
        while not reader.is_complete():
            await reader.server.up.wait()
            reader.connections += 1
            headers = {"Last-Event-ID": reader.received[-1]} if remembers and reader.received else {}
            after = 0 if remembers else max(reader._position - 1, 0)
            try:
                async with client.stream("GET", "/events/stream", params={"after": after}, headers=headers) as stream:
                    assert stream.status_code == 200, await stream.aread()
                    async for line in stream.aiter_lines():
                        if line.startswith("data: "):
                            reader.add(json.loads(line.removeprefix("data: ")))
                        if reader.is_complete():
                            return
            except httpx.TransportError:  # killed
                continue


async def poll(reader: Reader) -> None:
    """Read the feed page by page, and wait for new events."""
    async with httpx.AsyncClient(base_url=reader.server.url, timeout=30) as client:
        after = 0
        while not reader.is_complete():
            await reader.server.up.wait()
            try:
                answer = await client.get("/events", params={"after": after, "limit": 7, "wait": 1})
            except httpx.TransportError:
                reader.connections += 1
                continue
            assert answer.status_code == 200, answer.text
            for event in answer.json()["data"]:
                reader.add(event)
            after = answer.json()["next_after"]


async def all_events(server: KilledServer) -> list[dict[str, Any]]:
    found, after = list[dict[str, Any]](), 0
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        while True:
            page = (await client.get("/events", params={"after": after, "limit": 200})).json()
            found += page["data"]
            after = page["next_after"]
            if not page["has_more"]:
                return found


async def test_readers_of_a_killed_server_receive_each_event_once_in_order(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    server, journal = KilledServer(tmp_path), Journal()
    writers = [KeyedWriter(f"w{n}", server, journal, random.Random(chance.random())) for n in range(WRITERS)]
    exact, repeating, polling = Reader(server), Reader(server), Reader(server)
    try:
        async with asyncio.TaskGroup() as group:
            writing = [group.create_task(writer.write()) for writer in writers]
            group.create_task(follow(exact, remembers=True))
            group.create_task(follow(repeating, remembers=False))
            group.create_task(poll(polling))
            for _ in range(KILLS):
                await server.start()
                await asyncio.sleep(chance.uniform(SHORTEST_LOAD, LONGEST_LOAD))
                await server.kill()
            await server.start()
            for writer in writers:
                writer.stop()
            await asyncio.gather(*writing)
            events = await all_events(server)
            last = events[-1]["position"]
            async with httpx.AsyncClient(base_url=server.url) as client:  # ends the readers that have all events
                await client.post("/orders", json=PLAIN)
            exact.last_position = repeating.last_position = polling.last_position = last + 1
        expected = [event["id"] for event in await all_events(server)]
    finally:
        await server.kill()
    said = f"seed {SEED}: {len(expected)} events, {exact.connections} connections"
    assert exact.received == expected, said
    assert polling.received == expected, said
    assert list(dict.fromkeys(repeating.received)) == expected, said
    assert len(repeating.received) > len(expected), f"no event came twice; {said}"
    assert exact.connections > 1, said


def test_stream_ends_completely_as_soon_as_the_server_drains(tmp_path: Path) -> None:
    with serving(store=f"sqlite:///{tmp_path}/orders.db", drain_seconds=3) as (client, process):
        client.post("/orders", json=PLAIN)
        with (
            httpx.Client(base_url=client.base_url, timeout=30) as own,
            own.stream("GET", "/events/stream") as stream,
            httpx.Client(base_url=client.base_url, timeout=30) as polling,
        ):
            lines = stream.iter_lines()
            assert [next(lines) for _ in range(3)][:2] == ["retry: 2000", ""]
            process.send_signal(signal.SIGTERM)
            rest = list(lines)  # raises if the response is not complete
            assert sum(line.startswith("data: ") for line in rest) == 1
            assert client.get("/livez").status_code == 200, "the server has not stopped yet"
            answer = polling.get("/events", params={"after": 1, "wait": 20})
            assert (answer.json()["data"], answer.headers["connection"]) == ([], "close")
            with own.stream("GET", "/events/stream", params={"after": 1}) as again:
                assert list(again.iter_lines()) == ["retry: 2000", ""]
        assert process.wait(30) == 0


IMPATIENT = """
import orderkeep.entrypoints.api.http1.limits as limits
import orderkeep.entrypoints.api.http1.request_cycle as cycle
import orderkeep.entrypoints.api.server as server
limits.RESPONSE_PAUSE_SECONDS = limits.RESPONSE_SECONDS = limits.KEEP_ALIVE_SECONDS = limits.HEAD_SECONDS = 0.5
cycle.APPLICATION_SECONDS, server.SWEEP_SECONDS = 0.5, 0.1
"""
"""Makes all time limits of the server half a second."""

LARGE: dict[str, Any] = {
    "user_id": "user-7",
    "total": 1_500,
    "currency": "EUR",
    "lines": [
        {"sku": f"{number}-{'s' * 50}", "name": "n" * 190, "quantity": 1, "unit_price": 3} for number in range(500)
    ],
}
"""An order of about 200 KB."""


def test_idle_stream_stays_open_and_one_that_is_not_read_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.entrypoints.served.SERVE", IMPATIENT + SERVE)
    with (
        serving(store=f"sqlite:///{tmp_path}/orders.db", max_body_bytes=300_000) as (client, _),
        httpx.Client(base_url=client.base_url, timeout=30) as own,
        own.stream("GET", "/events/stream") as idle,
        httpx.Client(base_url=client.base_url, timeout=30) as polling,
    ):
        lines = idle.iter_lines()
        assert next(lines) == "retry: 2000"
        answer = polling.get("/events", params={"wait": 2})  # longer than all limits of the server
        assert (answer.status_code, answer.json()["data"]) == (200, [])
        for _ in range(60):
            assert client.post("/orders", json=LARGE).status_code == 201
        with socket.socket() as unread:
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            unread.connect((client.base_url.host, client.base_url.port or 80))
            unread.sendall(b"GET /events/stream?data=full HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while 'orderkeep_http_connections_cut_total{reason="response"} 1.0' not in client.get("/metrics").text:
                time.sleep(0.05)
        client.post("/orders", json=PLAIN)
        received = 0
        while received < 61:
            received += next(lines).startswith("data: ")
