"""Torture webhooks: many writers, readers of the feed, and relays that are killed at random, as processes on one store.

Every subscriber must get every event, and those of each order in order: the first time an event arrives, the previous
one of its order was accepted. Receivers fail at random. Exits with 1 if an event is missing or out of order.

    python -m tests.torture.webhooks --store sqlite:////tmp/x/orders.db --events 100000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from orderkeep.application.errors import InvalidCursor
from orderkeep.bootstrap import bootstrap
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.domain.value_objects import INTERNAL
from orderkeep.testing.orders import small_order

VERSIONS = 20
"""Changes of each order."""

SUBSCRIBERS = 3
SCHEDULE = ",".join(30 * ["1"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


async def write(store_url: str, name: str, events: int, writers: int) -> None:
    """Make that many changes, by concurrent writers, each to its own orders."""
    store = open_store(store_url)
    remaining = iter(range(events // VERSIONS))

    async def write_orders() -> None:
        for number in remaining:
            order = small_order(f"{name}-{number}")
            await store.save(order)
            for version in range(2, VERSIONS + 1):
                order.add_note(f"note {version}", INTERNAL, at=order.updated_at)
                await store.save(order)

    try:
        await asyncio.gather(*[write_orders() for _ in range(writers)])
    finally:
        await store.close()


@dataclass
class Subscriber:
    """What a subscriber accepted: the last version of each order, and how often an event arrived again."""

    versions: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    duplicates: int = 0
    failures: int = 0
    violations: list[str] = field(default_factory=list)

    def receive(self, event: dict[str, Any], chance: random.Random) -> bytes:
        data = event["data"]
        order_id, version = data["order_id"], data["version"]
        if event["id"] != f"{order_id}.{version}.1" or version > self.versions[order_id] + 1:
            self.violations.append(f"{event['id']} after version {self.versions[order_id]}")
        if chance.random() < 0.002:
            self.failures += 1
            return FAILED
        if version <= self.versions[order_id]:
            self.duplicates += 1
        else:
            self.versions[order_id] = version
            self.accepted += 1
        return OK


class Torture:
    """The processes, the receivers, and what they found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.random = options, random.Random(options.seed)
        self.subscribers = [Subscriber() for _ in range(SUBSCRIBERS)]
        self.kills = 0
        self.written = asyncio.Event()
        self.read = 0
        self.relays: list[subprocess.Popen[bytes]] = []

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receive webhooks: the path is the number of the subscriber."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                subscriber = self.subscribers[int(head.split(b" ", 2)[1].strip(b"/"))]
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                event = json.loads(await reader.readexactly(int(length.partition(b":")[2])))
                writer.write(subscriber.receive(event, self.random))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def start_relay(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"ORDERKEEP_WEBHOOK_RETRY_SCHEDULE": SCHEDULE, "ORDERKEEP_LOG_LEVEL": "error"}
        return subprocess.Popen(
            [sys.executable, "-m", "orderkeep", "--store", self.options.store, "relay"], env=environment
        )

    async def kill_relays(self) -> None:
        """Kill a relay from time to time, and start another in its place."""
        while True:
            await asyncio.sleep(self.random.uniform(0.5, 2) * self.options.kill_seconds)
            index = self.random.randrange(len(self.relays))
            self.relays[index].kill()
            self.relays[index].wait()
            self.kills += 1
            self.relays[index] = self.start_relay()

    async def run_writers(self) -> None:
        processes = []
        count = self.options.writer_processes
        for number in range(count):
            command = [
                *(sys.executable, "-m", "tests.torture.webhooks", "--store", self.options.store),
                *("--role", f"w{number}", "--events", str(self.options.events // count)),
                *("--writers", str(max(1, self.options.writers // count))),
            ]
            processes.append(await asyncio.create_subprocess_exec(*command))
        codes = [await process.wait() for process in processes]
        assert not any(codes), f"writers ended with {codes}"
        self.written.set()

    async def read_feed(self) -> None:
        """Read the feed while it is written, and check that no version is skipped or repeated."""
        store, position, versions = open_store(self.options.store), 0, Counter[str]()
        while True:
            is_last = self.written.is_set()
            try:
                page = await store.read_changes(position, 500)
            except (StoreUnavailable, InvalidCursor) as error:
                sys.exit(f"a reader failed: {error}")
            for change in page.changes:
                versions[change.order_id] += 1
                if change.version != versions[change.order_id]:
                    sys.exit(f"the feed has {change.order_id} version {change.version} at the wrong place")
            position = page.position
            if not page.changes:
                if is_last:
                    break
                await asyncio.sleep(0.2)
        self.read = position
        await store.close()

    async def run(self) -> bool:
        server = await asyncio.start_server(self.respond, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        use_cases = bootstrap(self.options.store)
        for number in range(SUBSCRIBERS):
            await use_cases.create_webhook.execute(f"http://127.0.0.1:{port}/{number}")
        start = time.monotonic()
        self.relays = [self.start_relay() for _ in range(self.options.relays)]
        killing = asyncio.create_task(self.kill_relays())
        try:
            readers = [asyncio.create_task(self.read_feed()) for _ in range(self.options.readers)]
            await self.run_writers()
            written = time.monotonic() - start
            await asyncio.gather(*readers)
            while min(each.accepted for each in self.subscribers) < self.read:
                if time.monotonic() - start > self.options.seconds:
                    break
                await asyncio.sleep(0.2)
        finally:
            killing.cancel()
            for relay in self.relays:
                relay.send_signal(signal.SIGTERM)
            for relay in self.relays:
                relay.wait()
            await use_cases.close()
        self.report(written, time.monotonic() - start)
        return all(each.accepted == self.read and not each.violations for each in self.subscribers)

    def report(self, written: float, seconds: float) -> None:
        events, total = self.read, sum(each.accepted for each in self.subscribers)
        rate = f"{total / seconds:,.0f} deliveries a second"
        print(f"{events} events written in {written:.0f} s; {rate}; {self.kills} kills")
        for number, each in enumerate(self.subscribers):
            print(
                f"subscriber {number}: {each.accepted} of {events} events, {each.duplicates} again with the same ID, "
                f"{each.failures} failed attempts, {len(each.violations)} out of order {each.violations[:3]}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", required=True)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--writer-processes", type=int, default=4)
    parser.add_argument("--readers", type=int, default=3)
    parser.add_argument("--relays", type=int, default=3)
    parser.add_argument("--kill-seconds", type=float, default=20.0, help="mean time between kills")
    parser.add_argument("--seconds", type=float, default=600.0, help="when to give up")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--role", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        asyncio.run(write(options.store, options.role, options.events, options.writers))
    elif not asyncio.run(Torture(options).run()):
        sys.exit(1)


if __name__ == "__main__":
    main()
