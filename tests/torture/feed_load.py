"""Write many changes from several processes while others read the feed: every reader must get each change once.

    .venv/bin/python -m tests.torture.feed_load --store sqlite:///feed.db --changes 1000000 --seconds 600

The store must be empty. On PostgreSQL, a reader that continues after the highest transaction that it saw, as with a
cursor by insert key, reads along: it must miss changes, or the load was too low to prove anything.
"""

import argparse
import asyncio
import hashlib
import multiprocessing
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Any

from orderkeep.application.ids import new_order_id
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing.orders import SINCE, small_order

WRITERS, WRITER_PROCESSES, READERS = 16, 4, 3
LARGEST_SAVE = 20
PAGE = 1_000
PAUSE_SECONDS = 0.05


@dataclass(slots=True)
class Seen:
    """Changes, as a number and a sum of hashes: equal for the same changes in any order, each the same number of times.
    `sequence` is a hash of their order. `problems` are descriptions.
    """

    changes: int = 0
    sum: int = 0
    sequence: str = ""
    seconds: float = 0.0
    problems: tuple[str, ...] = ()

    def add(self, order_id: str, version: int) -> None:
        self.changes += 1
        digest = hashlib.blake2b(f"{order_id}:{version}".encode(), digest_size=8).digest()
        self.sum = (self.sum + int.from_bytes(digest, "big")) % 2**128


def write(store_url: str, changes: int, deadline: float) -> Seen:
    """Place and confirm orders in saves of several, until that many changes are written."""
    written = Seen()

    async def one(store: Any, share: int) -> None:
        done = 0
        while done < share and time.time() < deadline:
            number = random.randint(1, LARGEST_SAVE)
            orders = [small_order(new_order_id()) for _ in range(number)]
            for version in (1, 2):
                await store.save(*orders)
                for order in orders:
                    written.add(order.id, version)
                    if version == 1:
                        order.confirm(at=SINCE)
            done += 2 * number

    async def all_of_them() -> None:
        store = open_store(store_url)
        writers = WRITERS // WRITER_PROCESSES
        await asyncio.gather(*(one(store, changes // writers) for _ in range(writers)))
        await store.close()

    started = time.time()
    asyncio.run(all_of_them())
    written.seconds = time.time() - started
    return written


def read(store_url: str, ended: Event) -> Seen:
    """Follow the feed until it ends after the writers ended."""
    seen, problems = Seen(), list[str]()
    sequence, pending = hashlib.sha256(), set[str]()

    async def follow() -> None:
        store, position = open_store(store_url), 0
        while True:
            is_last = ended.is_set()
            page = await store.read_changes(position, PAGE)
            if page.position != position + len(page.changes):
                problems.append(f"a page of {len(page.changes)} changes after {position} ends at {page.position}")
            for change in page.changes:
                seen.add(change.order_id, change.version)
                sequence.update(f"{change.order_id}:{change.version} ".encode())
                if change.version == 1:
                    pending.add(change.order_id)
                elif change.order_id in pending:
                    pending.remove(change.order_id)
                else:
                    problems.append(f"version {change.version} of {change.order_id} comes before version 1")
            position = page.position
            if not page.changes:
                if is_last:
                    break
                await asyncio.sleep(PAUSE_SECONDS)
        await store.close()

    started = time.time()
    asyncio.run(follow())
    seen.seconds, seen.sequence, seen.problems = time.time() - started, sequence.hexdigest(), tuple(problems[:5])
    return seen


def read_by_insert_key(store_url: str, ended: Event) -> Seen:
    """Follow the changes after the highest transaction number that was seen."""
    import asyncpg

    seen = Seen()

    async def follow() -> None:
        connection, last = await asyncpg.connect(store_url), (0, 0)
        query = (
            "SELECT tx, place, order_id, version FROM changes WHERE (tx, place) > ($1, $2) ORDER BY tx, place LIMIT $3"
        )
        while True:
            is_last = ended.is_set()
            rows = await connection.fetch(query, *last, PAGE)
            for tx, place, order_id, version in rows:
                seen.add(order_id, version)
                last = tx, place
            if not rows and is_last:
                break
        await connection.close()

    asyncio.run(follow())
    return seen


def _send(pipe: Any, work: Callable[..., Seen], *arguments: Any) -> None:
    pipe.send(work(*arguments))


def run(store_url: str, changes: int, seconds: float) -> int:
    """Run the load, print what was written and read, and return the number of problems."""
    spawn = multiprocessing.get_context("spawn")
    ended, deadline = spawn.Event(), time.time() + seconds

    async def prepare() -> None:
        store = open_store(store_url)
        if (await store.read_changes(0, 1)).changes:
            sys.exit("the store must be empty")
        await store.close()

    asyncio.run(prepare())

    def start(work: Callable[..., Seen], *arguments: Any) -> tuple[Any, Any]:
        receiver, sender = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_send, args=(sender, work, store_url, *arguments))
        process.start()
        return receiver, process

    readers = [start(read, ended) for _ in range(READERS)]
    controls = [start(read_by_insert_key, ended)] if store_url.startswith("postgresql:") else []
    writers = [start(write, changes // WRITER_PROCESSES, deadline) for _ in range(WRITER_PROCESSES)]
    written = [receiver.recv() for receiver, _ in writers]
    ended.set()
    total, total_sum = sum(each.changes for each in written), sum(each.sum for each in written) % 2**128
    longest = max(each.seconds for each in written)
    print(f"written  {total:>9,} changes by {WRITERS} writers, {total / longest:,.0f} a second")
    problems, first = [], ""
    for receiver, _ in readers:
        seen = receiver.recv()
        first = first or seen.sequence
        is_complete = (seen.changes, seen.sum, seen.sequence) == (total, total_sum, first)
        print(f"reader   {seen.changes:>9,} changes, {'each once' if is_complete else 'NOT EACH ONCE'}, ", end="")
        print(f"{seen.seconds - longest:+.1f} s after the last write")
        problems += [*seen.problems, *([] if is_complete else ["a reader did not get every change once, as the first"])]
    for receiver, _ in controls:
        missed = total - receiver.recv().changes
        print(f"control  {missed:>9,} changes missed by a cursor by insert key")
        problems += [] if missed else ["the control missed nothing: the load proves nothing"]
    for _, process in (*readers, *controls, *writers):
        process.join()
    for problem in problems:
        print(f"PROBLEM  {problem}")
    return len(problems)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", required=True)
    parser.add_argument("--changes", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    sys.exit(bool(run(given.store, given.changes, given.seconds)))
