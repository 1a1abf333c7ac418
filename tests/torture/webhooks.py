"""Torture webhooks: many writers, readers of the feed, and relays that are killed at random, as processes on one store.

Every subscriber must get every event, and those of each order in order: the first time an event arrives, the previous
one of its order was accepted. Receivers fail at random, and some relays are suspended until another one has taken their
work. Exits with 1 if an event is missing or out of order. The store must be empty.

    python -m tests.torture.webhooks --store sqlite:////tmp/x/orders.db --events 1000000 --seconds 3600
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import msgspec
import uvloop

from orderkeep.application.leases import LEASE
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import bootstrap
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import ConcurrentUpdate, StoreUnavailable
from orderkeep.testing.orders import small_order

VERSIONS = 20
"""Changes of each order, each with one event."""

FAILURES, SUSPENSIONS = 0.002, 0.2
"""The part of all requests that fail, and of all kills that are suspensions instead."""

PAGE = 500
PROGRESS_SECONDS, PAUSE_SECONDS = 60, 0.2
SCHEDULE = ",".join(30 * ["1"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


async def write(store_url: str, name: str, orders: int, writers: int, in_save: int) -> None:
    """Make all changes of that many orders, by concurrent writers, each to its own orders."""
    store = open_store(store_url)
    remaining = iter(range(0, orders, in_save))

    async def write_orders() -> None:
        for first in remaining:
            numbers = range(first, min(first + in_save, orders))
            orders_of_save = [small_order(f"{name}-{number}") for number in numbers]
            await save(store, orders_of_save)
            for version in range(2, VERSIONS + 1):
                for order in orders_of_save:
                    if version % 2:
                        order.release(at=order.updated_at)
                    else:
                        order.put_on_hold("checked", at=order.updated_at)
                await save(store, orders_of_save)

    try:
        await asyncio.gather(*[write_orders() for _ in range(writers)])
    finally:
        await store.close()


async def save(store: OrderStore, orders: list[Order]) -> None:
    """Save orders, again while the store is not available: the outcome is then unknown, until one is read."""
    version, is_known = orders[0].version, True
    while True:
        try:
            found = None if is_known else await store.get_by_id(orders[0].id)
            if found is not None and found.version > version:
                orders[:] = [await load(store, order.id) for order in orders]
            else:
                await store.save(*orders)
            return
        except (StoreUnavailable, ConcurrentUpdate):
            is_known = False
            await asyncio.sleep(PAUSE_SECONDS)


async def load(store: OrderStore, order_id: str) -> Order:
    order = await store.get_by_id(order_id)
    assert order is not None
    return order


async def read(store_url: str, events: int) -> None:
    """Read the feed while it is written, and check that no version is skipped or repeated, and that nothing follows."""
    store, position, versions = open_store(store_url), 0, Counter[str]()
    while position < events:
        try:
            page = await store.read_changes(position, PAGE)
        except StoreUnavailable:
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        for change in page.changes:
            versions[change.order_id] += 1
            if change.version != versions[change.order_id]:
                sys.exit(f"the feed has {change.order_id} version {change.version} at the wrong place")
        if page.position != position + len(page.changes):
            sys.exit(f"a page of {len(page.changes)} changes after {position} ends at {page.position}")
        position = page.position
        if not page.changes:
            await asyncio.sleep(PAUSE_SECONDS)
    if position != events or (await store.read_changes(position, 1)).changes:
        sys.exit(f"the feed has more than {events} changes")
    await store.close()


class Data(msgspec.Struct):
    """What is checked of the data of an event."""

    id: str
    order_id: str
    version: int


class Event(msgspec.Struct):
    """What is checked of a webhook."""

    id: str
    data: Data


decode = msgspec.json.Decoder(Event).decode


@dataclass
class Subscriber:
    """What a subscriber accepted: the last version of each order, and how often an event arrived again."""

    versions: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    duplicates: int = 0
    failures: int = 0
    violations: list[str] = field(default_factory=list)

    def receive(self, event: Event, chance: random.Random) -> bytes:
        order_id, version = event.data.order_id, event.data.version
        if not event.id == event.data.id == f"{order_id}.{version}.1" or version > self.versions[order_id] + 1:
            self.violations.append(f"{event.id} after version {self.versions[order_id]}")
        if chance.random() < FAILURES:
            self.failures += 1
            return FAILED
        if version <= self.versions[order_id]:
            self.duplicates += 1
        else:
            self.versions[order_id] = version
            self.accepted += 1
        return OK


class Receiver(asyncio.Protocol):
    """Receives webhooks on one connection: the path is the number of the subscriber."""

    def __init__(self, subscribers: list[Subscriber], chance: random.Random) -> None:
        self.subscribers, self.chance, self.received = subscribers, chance, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n") + 4) > 3:
            head = self.received[:end]
            length = LENGTH.search(head)
            assert length, "a webhook has a length"
            ends_at = end + int(length[1])
            if len(self.received) < ends_at:
                return
            event = decode(self.received[end:ends_at])
            self.received = self.received[ends_at:]
            subscriber = self.subscribers[int(head.split(b" ", 2)[1].strip(b"/"))]
            self.transport.write(subscriber.receive(event, self.chance))


class Torture:
    """The processes, the receivers, and what they found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.random = options, random.Random(options.seed)
        self.subscribers = [Subscriber() for _ in range(options.subscribers)]
        self.orders_of_process = options.events // options.writer_processes // VERSIONS
        self.events = self.orders_of_process * options.writer_processes * VERSIONS
        self.kills = self.suspensions = self.peak_memory = 0
        self.relay_seconds = self.written = 0.0
        self.relays: list[subprocess.Popen[bytes]] = []

    def start_relay(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"ORDERKEEP_WEBHOOK_RETRY_SCHEDULE": SCHEDULE, "ORDERKEEP_LOG_LEVEL": "error"}
        return subprocess.Popen(
            [sys.executable, "-m", "orderkeep", "--store", self.options.store, "relay"], env=environment
        )

    async def end(self, relay: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """End a relay, and add up what it used."""
        if relay.poll() is not None:
            sys.exit(f"a relay ended with {relay.returncode}")
        relay.send_signal(number)
        _, relay.returncode, usage = await asyncio.to_thread(os.wait4, relay.pid, 0)
        self.relay_seconds += usage.ru_utime + usage.ru_stime
        self.peak_memory = max(self.peak_memory, usage.ru_maxrss)

    async def kill_relays(self) -> None:
        """Kill a relay from time to time, and start another in its place; or suspend one."""
        while True:
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * self.options.kill_seconds)
            index = self.random.randrange(len(self.relays))
            if self.random.random() < SUSPENSIONS:
                self.suspensions += 1
                self.relays[index].send_signal(signal.SIGSTOP)
                await asyncio.sleep(LEASE.total_seconds() + 2)
                self.relays[index].send_signal(signal.SIGCONT)
            else:
                self.kills += 1
                killed, self.relays[index] = self.relays[index], self.start_relay()
                await self.end(killed, signal.SIGKILL)

    async def run_role(self, *arguments: object) -> None:
        """Run writers or a reader as a process of its own."""
        command = [sys.executable, "-m", "tests.torture.webhooks", "--store", self.options.store, *map(str, arguments)]
        process = await asyncio.create_subprocess_exec(*command)
        try:
            if code := await process.wait():
                sys.exit(f"{' '.join(map(str, arguments))} ended with {code}")
        finally:
            if process.returncode is None:
                process.kill()

    async def run_writers(self) -> None:
        count, start = self.options.writer_processes, time.monotonic()
        writers = max(1, self.options.writers // count)
        arguments = ["--events", self.orders_of_process, "--writers", writers, "--in-save", self.options.in_save]
        await asyncio.gather(*[self.run_role("--role", f"w{number}", *arguments) for number in range(count)])
        self.written = time.monotonic() - start

    async def deliver_all(self) -> None:
        readers = [self.run_role("--role", "reader", "--events", self.events) for _ in range(self.options.readers)]
        await asyncio.gather(self.run_writers(), *readers)
        while min(each.accepted for each in self.subscribers) < self.events:  # noqa: ASYNC110  # a check per event costs
            await asyncio.sleep(PAUSE_SECONDS)

    async def run(self) -> bool:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Receiver(self.subscribers, self.random), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        use_cases = bootstrap(self.options.store)
        for number in range(self.options.subscribers):
            await use_cases.create_webhook.execute(f"http://127.0.0.1:{port}/{number}")
        await use_cases.close()
        start = time.monotonic()
        self.relays = [self.start_relay() for _ in range(self.options.relays)]
        beside = [asyncio.create_task(each) for each in (self.kill_relays(), self.report_progress(start))]
        try:
            async with asyncio.timeout(self.options.seconds):
                await self.deliver_all()
        except TimeoutError:
            print(f"NOT COMPLETE after {self.options.seconds:.0f} s")
        finally:
            for task in beside:
                task.cancel()
            for relay in self.relays:
                relay.send_signal(signal.SIGCONT)
            await asyncio.gather(*[self.end(relay, signal.SIGTERM) for relay in self.relays])
        self.report(time.monotonic() - start)
        return all(each.accepted == self.events and not each.violations for each in self.subscribers)

    async def report_progress(self, start: float) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            accepted = " ".join(str(each.accepted) for each in self.subscribers)
            print(f"after {time.monotonic() - start:.0f} s: {accepted} accepted, {self.kills} kills", flush=True)

    def report(self, seconds: float) -> None:
        total = sum(each.accepted for each in self.subscribers)
        print(
            f"{self.events} events, written in {self.written:.0f} s, delivered to {len(self.subscribers)} subscribers "
            f"in {seconds:.0f} s ({total / seconds:,.0f} deliveries a second); {self.kills} relays killed, "
            f"{self.suspensions} suspended; relays took {self.relay_seconds / total * 1_000:.2f} ms of CPU for each "
            f"delivery, and {self.peak_memory / 1_024:.0f} MB at most"
        )
        for number, each in enumerate(self.subscribers):
            print(
                f"subscriber {number}: {each.accepted} of {self.events} events, {each.duplicates} again with the same "
                f"ID, {each.failures} failed attempts, {len(each.violations)} out of order {each.violations[:3]}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", required=True)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--subscribers", type=int, default=3)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--writer-processes", type=int, default=4)
    parser.add_argument("--in-save", type=int, default=5, help="orders in one transaction")
    parser.add_argument("--readers", type=int, default=3)
    parser.add_argument("--relays", type=int, default=3)
    parser.add_argument("--kill-seconds", type=float, default=15.0, help="mean time between kills")
    parser.add_argument("--seconds", type=float, default=600.0, help="when to give up")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--role", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "reader":
        asyncio.run(read(options.store, options.events))
    elif options.role:
        asyncio.run(write(options.store, options.role, options.events, options.writers, options.in_save))
    elif not uvloop.run(Torture(options).run()):
        sys.exit(1)


if __name__ == "__main__":
    main()
