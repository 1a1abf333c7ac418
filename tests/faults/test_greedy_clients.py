"""Clients that take more than their share: every other caller is served, and memory stays bounded. The service without
its bounds fails each of these tests.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx
import psutil
import pytest

from orderkeep.application.access.actor import Scope
from orderkeep.bootstrap import bootstrap
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing.orders import large_order
from tests.entrypoints.credentials import Headers, customer, staff
from tests.entrypoints.http_calls import PLAIN
from tests.faults.killed_server import THE_SERVICE, KilledServer

SECONDS, MOST_SECONDS = 4.0, 60.0
ENOUGH_RESPONSES = 10
"""An attack lasts some seconds, and on a busy machine until others got so many responses, or until it is hopeless. On
the service without its bounds, it lasts until it has an effect.
"""

MOST_MEMORY = 256_000_000
UNBOUNDED = ("-m", "tests.faults.unbounded_server")


@dataclass
class Attacked:
    """A server under attack: what others got, and the most memory that it used."""

    server: KilledServer
    staff: Headers
    attacker: Headers
    statuses: Counter[int] = field(default_factory=Counter)
    memory: int = 0

    @property
    def is_harmed(self) -> bool:
        return max(self.statuses, default=200) >= 400 or self.memory > MOST_MEMORY

    @property
    def problems(self) -> list[str]:
        rejected = {status: count for status, count in self.statuses.items() if status >= 400}
        found = [f"others got {rejected}"] if rejected else []
        if self.statuses.total() < ENOUGH_RESPONSES:
            found.append(f"others got {self.statuses.total()} responses")
        return found + ([f"{self.memory} bytes of memory"] if self.memory > MOST_MEMORY else [])

    async def watch_memory(self) -> None:
        process = psutil.Process(self.server.pid)
        while True:
            self.memory = max(self.memory, process.memory_info().rss)
            await asyncio.sleep(0.05)

    async def call_as_others(self) -> None:
        """Place and read orders, as staff at another address, one after the other."""
        headers = {**self.staff, "X-Forwarded-For": "192.0.2.1"}
        async with httpx.AsyncClient(base_url=self.server.url, headers=headers, timeout=60) as client:
            while True:
                for response in (
                    await client.post("/orders", json=PLAIN),
                    await client.get("/orders?limit=2&status=processing"),
                    await client.get("/lifecycle"),
                ):
                    self.statuses[response.status_code] += 1
                await asyncio.sleep(0.02)


Attack = Callable[[Attacked, int], Awaitable[None]]
"""What one of the attacking clients does, again and again, by its number."""


@asynccontextmanager
async def connected(attacked: Attacked) -> AsyncIterator[socket.socket]:
    """Yield a connection with a small buffer."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", attacked.server.port))
        yield connection


def get(path: str, number: int, headers: Headers | None = None) -> bytes:
    """Return a request from an address of its own."""
    given = {"Host": "localhost", "X-Forwarded-For": f"10.0.{number // 250}.{number % 250}", **(headers or {})}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode()


async def read_nothing(attacked: Attacked, number: int) -> None:
    async with connected(attacked) as connection:
        await asyncio.get_running_loop().sock_sendall(connection, get("/openapi.json", number) * 32)
        await asyncio.sleep(5)


async def read_slowly(attacked: Attacked, number: int) -> None:
    path = "/orders?limit=200" if number % 2 else "/orders/order-0/history?limit=200"
    async with connected(attacked) as connection:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, get(path, number, attacked.attacker))
        while await loop.sock_recv(connection, 4_096):  # noqa: ASYNC110  # a slow client
            await asyncio.sleep(0.1)


async def flood_with_receipts(attacked: Attacked, number: int) -> None:
    address = {"X-Forwarded-For": f"10.0.0.{number}"}
    async with httpx.AsyncClient(
        base_url=attacked.server.url, headers=attacked.attacker | address, timeout=60, verify=False
    ) as client:
        receipt = {"format": "pdf" if number % 4 else "html"}
        while True:
            await client.post(f"/orders/order-{number % 20}/documents/receipt?dry_run=true", json=receipt)
            await asyncio.sleep(0.5)


async def again_and_again(attack: Attack, attacked: Attacked, number: int) -> None:
    while True:
        with suppress(OSError, httpx.TransportError):  # it was disconnected
            await attack(attacked, number)
        await asyncio.sleep(0.2)


async def others_during(
    attack: Attack, clients: int, folder: Path, monkeypatch: pytest.MonkeyPatch, *program: str
) -> Attacked:
    """Return what others got while clients attacked a server for some seconds."""
    monkeypatch.setenv("ORDERKEEP_AUTH", "keys")
    server = KilledServer(folder, program or THE_SERVICE)
    store = open_store(server.store)
    await store.save(*(large_order(f"order-{number}", user_id="user-1") for number in range(20)))
    order = await store.get_by_id("order-0")
    assert order is not None
    for _ in range(20):
        await store.save(order)
    await store.close()
    use_cases = bootstrap(server.store)
    others = await staff(use_cases, Scope.READ, Scope.WRITE)
    attacked = Attacked(server, others, await customer(use_cases, "user-1"))
    await use_cases.close()
    await server.start()
    try:
        attacking = [again_and_again(attack, attacked, number) for number in range(clients)]
        watching = [attacked.watch_memory(), *(attacked.call_as_others() for _ in range(3))]
        tasks = [asyncio.create_task(each) for each in (*attacking, *watching)]
        latest = monotonic() + MOST_SECONDS
        while True:
            ended, _ = await asyncio.wait(tasks, timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
            is_over = not program and attacked.statuses.total() >= ENOUGH_RESPONSES
            if ended or is_over or attacked.is_harmed or monotonic() > latest:
                break
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(outcome, asyncio.CancelledError):
                pytest.fail(repr(outcome))
    finally:
        await server.kill()
    return attacked


async def test_clients_that_do_not_read_take_nothing_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await others_during(read_nothing, 140, tmp_path, monkeypatch)).problems == []


async def test_slow_readers_of_large_pages_take_nothing_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await others_during(read_slowly, 150, tmp_path, monkeypatch)).problems == []


async def test_actor_that_floods_receipts_takes_nothing_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await others_during(flood_with_receipts, 140, tmp_path, monkeypatch)).problems == []


@pytest.mark.parametrize(
    "attack, clients, problem",
    [
        (read_nothing, 140, "others got"),
        (read_slowly, 150, "bytes of memory"),
        (flood_with_receipts, 140, "others got"),
    ],
)
async def test_service_without_its_bounds_fails(
    attack: Attack, clients: int, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attacked = await others_during(attack, clients, tmp_path, monkeypatch, *UNBOUNDED)
    assert any(problem in each for each in attacked.problems), attacked
