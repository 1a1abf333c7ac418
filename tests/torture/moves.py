"""Torture moves: a shop moves from store to store while it sells, and its processes are killed at random.

Writers place orders and change them, each request with a key, and repeat it until it is acknowledged. Readers follow
the feed, and a receiver gets webhooks. In each leg, services and relays run with both stores, and `orderkeep move`
is killed or suspended at random, and run again until it succeeds; services and relays are killed, too. Exits with 1
if an acknowledged change is missing or made twice, if a reader or the receiver misses an event, or if a client gets an
error other than 503 `store_moved` during the move.

    python -m tests.torture.moves sqlite postgresql dynamodb postgresql --seconds 10

A store is a URL, or a name, for which a server is started; the same one twice goes back. With `--control`, the shop
moves without `orderkeep move`: the store is copied, and then the services are restarted with the copy. This loses what
is written meanwhile, so it exits with 1 if no loss is found.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from orderkeep.application.ports import StoreAccess
from orderkeep.bootstrap import bootstrap
from orderkeep.bootstrap.store_copy import open_copies, whole
from orderkeep.bootstrap.stores import open_store
from tests.faults.keyed_writers import Acknowledged
from tests.faults.loss_checker import complaints, read_kept
from tests.servers import dynamodb, postgres
from tests.servers.running import free_port
from tests.torture.webhooks import SCHEDULE, Receiver, Subscriber

PLANS = (
    (),
    ("confirm",),
    ("cancel",),
    ("hold", "release"),
    ("confirm", "cancel"),
    ("hold", "release", "confirm", "hold", "release", "cancel"),
)
"""The commands on an order once it is placed. Each succeeds, and makes one change with one event."""

WITH_REASON = ("cancel", "hold")
WRITERS, READERS = 8, 2
SERVICES, RELAYS = 2, 2
SERVICE_SETTINGS = {"ORDERKEEP_AUTH": "keys", "ORDERKEEP_RELAY": "false"}
"""Of the services. One that authenticates does not send webhooks to this machine, so relays send them."""

PAUSE_SECONDS = 0.1
LIMITS = httpx.Limits(keepalive_expiry=1)
"""A client must not use a connection at the moment at which the service closes it as idle."""

SUSPENSIONS = 0.25
"""The part of all kills of a mover that are suspensions instead: others run meanwhile, and then it continues."""

EARLY_SECONDS, FENCED_SECONDS = 3.0, 3.0
"""A mover is killed within the first of these after its start, or within the second after the source is fenced."""

LOST, LISTED = "was acknowledged and is missing", 20
AWS_KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
Choose = random.Random


@dataclass
class Service:
    """A process that is killed and started again; `kills` counts this. `has_written`: it has changed the new store."""

    name: str
    arguments: list[str]
    url: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    kills: int = 0
    process: Process | None = None
    is_ready: bool = False
    has_written: bool = False

    async def start(self, folder: Path, environment: dict[str, str]) -> None:
        """Return when the process is ready, if it is a server."""
        with (folder / f"{self.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "orderkeep", *self.arguments),
                env=environment | self.settings,
                stdout=log,
                stderr=log,
            )
        while self.url and not await self._responds():
            if self.process.returncode is not None:
                sys.exit(f"{self.name} does not start: {(folder / f'{self.name}.log').read_text()[-2_000:]}")
            await asyncio.sleep(PAUSE_SECONDS)
        self.is_ready = True

    async def _responds(self) -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/readyz", timeout=30)).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self) -> None:
        """End the process (SIGKILL). Exits if it has ended before."""
        assert self.process
        if self.process.returncode is not None:
            sys.exit(f"{self.name} ended with {self.process.returncode}")
        self.kills, self.is_ready, self.has_written = self.kills + 1, False, False
        self.process.kill()
        await self.process.wait()


@dataclass
class Leg:
    """The move from one store to another, and what the clients notice of it."""

    old: str
    new: str
    is_moving: bool = False
    is_moved: bool = False
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a writer gets `store_moved`."""

    kills: int = 0
    kills_while_fenced: int = 0
    suspensions: int = 0
    acknowledged: int = 0
    unavailable: int = 0
    longest_pause: float = 0.0


class Clients:
    """The writers and readers, and what they saw."""

    def __init__(self, services: list[Service], key: str, leg: Leg, think_seconds: float) -> None:
        self.services, self.leg, self.think_seconds = services, leg, think_seconds
        self.headers = {"Authorization": f"Bearer {key}"}
        self.acknowledged: list[Acknowledged] = []
        self.violations: list[str] = []
        self.events: list[list[str]] = [[] for _ in range(READERS)]
        self.replayed = self.disconnected = 0
        self.is_stopping = False

    async def write(self, name: str, chance: random.Random) -> None:
        """Place orders and change them until stopped."""
        number = 0
        async with httpx.AsyncClient(headers=self.headers, timeout=60, limits=LIMITS) as client:
            while not self.is_stopping:
                number += 1
                reference = f"{name}-{number}"
                order = {"user_id": f"user-{name}", "total": number, "currency": "EUR", "external_ref": reference}
                placed = await self._ask(client, chance, reference, "place", "/orders", order)
                for step, command in enumerate(chance.choice(PLANS) if placed.accepted else ()):
                    path = f"/orders/{placed.answer['id']}/{command}"
                    body = {"reason": f"of {reference}"} if command in WITH_REASON else None
                    await self._ask(client, chance, reference, f"{command}-{step}", path, body)

    async def _ask(
        self, client: httpx.AsyncClient, chance: random.Random, reference: str, name: str, path: str, body: Any
    ) -> Acknowledged:
        """Repeat the request until it is acknowledged, by any of the services."""
        await asyncio.sleep(self.think_seconds * chance.uniform(0.5, 1.5))
        headers, began = {"Idempotency-Key": f"{name}-{reference}"}, time.monotonic()
        while (answer := await self._try(client, chance, "POST", path, headers=headers, json=body)) is None:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_SECONDS)
        self.leg.longest_pause = max(self.leg.longest_pause, time.monotonic() - began)
        self.leg.acknowledged += 1
        self.replayed += "Idempotency-Replayed" in answer.headers
        command, expected = name.partition("-")[0], 201 if name == "place" else 200
        told = Acknowledged(reference, command, expected, answer.status_code, answer.json())
        self.acknowledged.append(told)
        return told

    async def _try(
        self, client: httpx.AsyncClient, chance: random.Random, method: str, path: str, **request: Any
    ) -> httpx.Response | None:
        """Return the response of any of the services; None if it was killed, or the store has moved."""
        service = chance.choice(self.services)
        kills, was_moved, has_written = service.kills, self.leg.is_moved, service.has_written
        was_ready = service.is_ready
        try:
            response = await client.request(method, f"{service.url}{path}", **request)
        except httpx.TransportError as error:
            self.disconnected += 1
            if was_ready and service.kills == kills:
                self.violations.append(f"{service.name} was not killed: {method} {path}: {error!r}")
            return None
        if response.status_code != 503:
            service.has_written |= was_moved and method == "POST" and service.kills == kills
            return response
        self.leg.unavailable += 1
        is_fenced = self.leg.is_moving and not has_written and method == "POST"
        if response.json().get("code") == "store_moved" and "Retry-After" in response.headers and is_fenced:
            self.leg.refused.set()
        else:
            self.violations.append(f"{service.name}: {method} {path}: {response.text} {response.headers}")
        return None

    async def read(self, number: int, chance: random.Random) -> None:
        """Follow the feed until cancelled."""
        after, events = 0, self.events[number]
        async with httpx.AsyncClient(headers=self.headers, timeout=60, limits=LIMITS) as client:
            while True:
                query = {"after": after, "limit": 100, "wait": 1}
                page = await self._try(client, chance, "GET", "/events", params=query)
                if page is None or page.status_code != 200:
                    if page is not None:
                        self.violations.append(f"GET /events?after={after}: {page.text}")
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                for event in page.json()["data"]:
                    events.append(event["id"])
                    if event["position"] != len(events):
                        self.violations.append(f"reader {number}: {event['id']} is at {event['position']}")
                after = page.json()["next_after"]


class Torture:
    """The processes, and the moves."""

    def __init__(self, options: argparse.Namespace, folder: Path, urls: list[str]) -> None:
        self.options, self.folder, self.urls = options, folder, urls
        self.random = random.Random(options.seed)
        self.legs = [Leg(old, new) for old, new in pairwise(urls)]
        self.subscriber = Subscriber()
        self.services = [
            Service(f"service {port}", ["serve", "--port", str(port)], f"http://127.0.0.1:{port}", SERVICE_SETTINGS)
            for port in [free_port() for _ in range(SERVICES)]
        ]
        self.processes = [*self.services, *[Service(f"relay {number}", ["relay"]) for number in range(RELAYS)]]
        self.restarting = asyncio.Lock()
        self.suspended: list[Process] = []

    def environment(self, leg: Leg | None = None) -> dict[str, str]:
        """Return the environment of the processes of a leg."""
        settings = {"WEBHOOK_RETRY_SCHEDULE": SCHEDULE, "LOG_LEVEL": "warning"}
        settings |= {"RATE_LIMIT": "0", "RATE_LIMIT_PER_ADDRESS": "0"}
        if leg is not None:
            settings["STORE"] = leg.old
            if not self.options.control:
                settings["MOVED_TO"] = leg.new
        return os.environ | AWS_KEYS | {f"ORDERKEEP_{name}": value for name, value in settings.items()}

    async def restart(self, service: Service, environment: dict[str, str]) -> None:
        async with self.restarting:
            await service.kill()
            await service.start(self.folder, environment)

    async def kill_processes(self) -> None:
        """Kill a service or a relay from time to time, and start it again."""
        while True:
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * self.options.kill_seconds)
            await self.restart(self.random.choice(self.processes), self.environment(self.clients.leg))

    async def run_mover(self, leg: Leg, *options: str) -> Process:
        command = ["-m", "orderkeep", "move", "--from", leg.old, "--to", leg.new, *options]
        with (self.folder / "mover.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, *command, env=self.environment(), stdout=log, stderr=log
            )

    async def move(self, leg: Leg) -> None:
        """Run the mover until it succeeds; first, kill it again and again."""
        leg.is_moving = True
        for number in range(self.options.kills):
            mover = await self.run_mover(leg)
            if not await self.killed(mover, leg, is_early=number % 2 == 0):
                if mover.returncode:
                    await self.run_to_end(leg)
                break
        else:
            await self.run_to_end(leg)
        for service in self.services:
            service.has_written = False
        leg.is_moved = True
        await self.run_to_end(leg)  # it is moved already
        await self.wake_up()

    async def run_to_end(self, leg: Leg, *options: str) -> None:
        """Run a mover that must succeed, unless a suspended one holds a lock of a store."""
        mover = await self.run_mover(leg, *options)
        if await mover.wait() and self.suspended:
            await self.wake_up()
            await self.run_to_end(leg, *options)
        else:
            self.check_ended(mover)

    async def wake_up(self) -> None:
        """Continue the suspended movers, and wait until they have ended."""
        for mover in self.suspended:
            mover.send_signal(signal.SIGCONT)
            await mover.wait()
        self.suspended.clear()

    async def killed(self, mover: Process, leg: Leg, *, is_early: bool) -> bool:
        """Kill the mover, or suspend it, at a random time. Return False if it ended by itself before."""
        ended = asyncio.create_task(mover.wait())
        leg.refused.clear()
        if not is_early:
            fenced = asyncio.create_task(leg.refused.wait())
            await asyncio.wait({ended, fenced}, return_when=asyncio.FIRST_COMPLETED)
            fenced.cancel()
        await asyncio.wait({ended}, timeout=self.random.uniform(0, EARLY_SECONDS if is_early else FENCED_SECONDS))
        if mover.returncode is not None:
            return False
        leg.kills_while_fenced += leg.refused.is_set()
        if self.random.random() < self.options.suspensions:
            leg.suspensions += 1
            mover.send_signal(signal.SIGSTOP)
            self.suspended.append(mover)
        else:
            leg.kills += 1
            mover.kill()
            await ended
        return True

    def check_ended(self, mover: Process) -> None:
        if mover.returncode:
            sys.exit(f"the mover ended with {mover.returncode}: {(self.folder / 'mover.log').read_text()[-2_000:]}")

    async def copy_without_fence(self, leg: Leg) -> None:
        """Copy the store until little is new, and restart the services with the copy."""
        stores = open_copies((leg.old, leg.new), StoreAccess.CREATE)
        while (await stores.copy_store.execute()).changes > WRITERS:
            pass
        await stores.close()
        leg.old = leg.new  # for processes that are started from now on
        for service in self.processes:
            await self.restart(service, self.environment(leg))

    async def run_leg(self, number: int, leg: Leg) -> None:
        self.clients.leg = leg
        if number:
            for service in self.processes:
                await self.restart(service, self.environment(leg))
        names = [url.partition(":")[0] for url in (leg.old, leg.new)]
        await asyncio.sleep(self.options.seconds)
        began = time.monotonic()
        await (self.copy_without_fence if self.options.control else self.move)(leg)
        seconds, before = time.monotonic() - began, leg.acknowledged
        while leg.acknowledged < before + 4 * WRITERS:  # noqa: ASYNC110  # a torture
            await asyncio.sleep(PAUSE_SECONDS)
        if not self.options.control and self.urls[number + 2 : number + 3] != [leg.old]:
            await self.run_to_end(leg, "--finish")
        print(
            f"{' to '.join(names)}: {seconds:.1f} s, the mover killed {leg.kills} times and suspended "
            f"{leg.suspensions} times, {leg.kills_while_fenced} of them while the source was fenced; "
            f"{leg.acknowledged} requests acknowledged, {leg.unavailable} responses 503; "
            f"longest pause of a writer {leg.longest_pause:.1f} s",
            flush=True,
        )

    async def run(self) -> list[str]:
        """Move the shop, and return what is wrong."""
        for url in dict.fromkeys(self.urls):
            await prepare(url)
        loop = asyncio.get_running_loop()
        receiver = await loop.create_server(lambda: Receiver([self.subscriber], self.random), "127.0.0.1", 0)
        port = receiver.sockets[0].getsockname()[1]
        use_cases = bootstrap(self.urls[0])
        created = await use_cases.create_api_key.execute("torture", scopes=["admin"])
        await use_cases.create_webhook.execute(f"http://127.0.0.1:{port}/0")
        await use_cases.close()
        self.clients = clients = Clients(self.services, created.key, self.legs[0], self.options.think_seconds)
        chances = [random.Random(self.random.random()) for _ in range(WRITERS + READERS)]
        try:
            await asyncio.gather(*[each.start(self.folder, self.environment(self.legs[0])) for each in self.processes])
            async with (
                background(self.kill_processes()) if self.options.kill_seconds else nullcontext(),
                asyncio.timeout(self.options.give_up_seconds),
                background(*[clients.read(n, chances.pop()) for n in range(READERS)]),
            ):
                async with asyncio.TaskGroup() as writing:
                    for number, chance in enumerate(chances):
                        writing.create_task(clients.write(f"w{number}", chance))
                    for number, leg in enumerate(self.legs):
                        await self.run_leg(number, leg)
                    clients.is_stopping = True
                if not self.options.control:
                    await self.deliver_all()
        except* TimeoutError:
            clients.violations.append(f"not complete after {self.options.give_up_seconds:.0f} s; {self.progress()}")
        finally:
            for service in self.processes:
                if service.process is not None and service.process.returncode is None:
                    service.process.kill()
            for mover in self.suspended:
                mover.kill()
            receiver.close()
        return [each async for each in self.found()]

    def progress(self) -> str:
        """Describe how far the run is."""
        leg, log = self.clients.leg, self.folder / "mover.log"
        return (
            f"leg {self.legs.index(leg) + 1} of {len(self.legs)}, moving: {leg.is_moving}, moved: {leg.is_moved}; "
            f"events of receiver {self.subscriber.accepted}, of readers {[*map(len, self.clients.events)]}; "
            f"mover: {log.read_text()[-500:] if log.exists() else ''}"
        )

    async def deliver_all(self) -> None:
        """Wait until the readers and the receiver have as many events as there were changes."""
        expected = sum(each.accepted for each in self.clients.acknowledged)
        while min(self.subscriber.accepted, *map(len, self.clients.events)) < expected:  # noqa: ASYNC110  # a torture
            await asyncio.sleep(PAUSE_SECONDS)

    async def found(self) -> AsyncIterator[str]:
        """Yield everything that is wrong."""
        clients = self.clients
        kept, problems = await read_kept(self.urls[-1])
        for each in (*complaints(clients.acknowledged, kept), *problems, *clients.violations):
            yield each
        if self.options.control:
            return
        feed = await feed_of(self.urls[-1])
        for url in dict.fromkeys(self.urls[:-1]):
            earlier = await feed_of(url)
            if earlier != feed[: len(earlier)]:
                yield f"the feed of {url} is not the beginning of that of the last store"
            for problem in (await read_kept(url))[1]:
                yield f"{url}: {problem}"
        ids = [f"{order_id}.{version}.1" for order_id, version, _ in feed]
        for number, events in enumerate(clients.events):
            if events != ids:
                yield f"reader {number} got {len(events)} events, which are not the {len(ids)} of the feed"
        for violation in self.subscriber.violations:
            yield f"webhook: {violation}"
        if self.subscriber.versions != Counter(order_id for order_id, _, _ in feed):
            yield "the receiver did not get every event"

    def report(self, found: list[str]) -> None:
        clients, receiver = self.clients, self.subscriber
        print(
            f"{len(clients.acknowledged)} requests acknowledged, {clients.replayed} of them when repeated, "
            f"{clients.disconnected} connections lost; {sum(each.kills for each in self.processes)} processes killed; "
            f"{receiver.accepted} webhooks, {receiver.duplicates} again with the same ID, {receiver.failures} failed"
        )
        for each in found[:LISTED]:
            print(f"WRONG: {each[:400]}")
        if found:
            print(f"{len(found)} wrong, {sum(LOST in each for each in found)} acknowledged changes lost")


async def prepare(url: str) -> None:
    """Create the tables."""
    store = open_store(url)
    await store.get_by_id("none")
    await store.close()


async def feed_of(url: str) -> list[tuple[str, int, str]]:
    """Return the order, version and hash of each change in a store."""
    store, found = open_store(url, access=StoreAccess.READ), list[tuple[str, int, str]]()
    while page := await whole(store).changes.read_copies(len(found), 200):
        found += [(each.order_id, each.version, each.hash) for each in page]
    await store.close()
    return found


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run tasks until the block ends; one that fails ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()


@contextmanager
def stores(names: list[str], folder: Path) -> Iterator[list[str]]:
    """Yield the URLs of the stores, and stop the servers that were started for them when the block ends."""
    with ExitStack() as stack:

        def started(name: str) -> str:
            if name == "sqlite":
                return f"sqlite:///{folder}/orders.db"
            if name == "postgresql":
                server = postgres.start_shared(folder)
                stack.callback(server.stop)
                return server.url
            if name == "dynamodb":
                server = dynamodb.start_shared(folder)
                stack.callback(server.stop)
                return asyncio.run(dynamodb.Server(server.url).new_url())
            return name

        urls = {name: started(name) for name in dict.fromkeys(names)}
        for url in urls.values():
            if not url.startswith("dynamodb:"):
                subprocess.run([sys.executable, "-m", "orderkeep", "--store", url, "migrate"], check=True)
        yield [urls[name] for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", metavar="STORE", help="URL, sqlite, postgresql or dynamodb")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to sell before each move")
    parser.add_argument("--kills", type=int, default=6, help="how often the mover of a leg is killed or suspended")
    parser.add_argument("--suspensions", type=float, default=SUSPENSIONS, help="the part of these that are suspensions")
    parser.add_argument("--kill-seconds", type=float, default=4.0, help="mean time between kills of others; 0: none")
    parser.add_argument("--think-seconds", type=float, default=0.1, help="mean pause of a writer before a request")
    parser.add_argument("--give-up-seconds", type=float, default=1_800.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", action="store_true", help="move without a fence, and find what is lost")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="moves-") as name, stores(options.stores, Path(name)) as urls:
        torture = Torture(options, Path(name), urls)
        found = asyncio.run(torture.run())
        torture.report(found)
    has_lost = any(LOST in each for each in found)
    sys.exit(not has_lost if options.control else bool(found))


if __name__ == "__main__":
    main()
