"""Saves per second of the SQLite store, every one of them durable before it is answered: 1, 32 and 128 at once.

Against one commit per save in the same tables, as bare statements in a loop and through the same store with batches
of one, and against a bare 4 KB write + fdatasync, which is what the disk can do. All take their turn in every round,
so that what disturbs the machine disturbs all.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orderkeep.domain.entities import Order
from orderkeep.infrastructure.serialization import commit_of
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository, writer
from orderkeep.infrastructure.sqlite_repo.queries import INSERT_CHANGE, write_of

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.orders import an_order  # noqa: E402

AT_ONCE = (1, 32, 128)
WANTED, WANTED_AT = 3.0, 32
WARM_UP = 300
BLOCK, LOG_BLOCKS = bytes(range(256)) * 16, 1_000


@dataclass
class Contender:
    """Something that makes durable: `run` does it that often. What it reached, round by round."""

    name: str
    prepare: Callable[[int], list[Order]]
    run: Callable[[list[Order], int], None]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self, seconds: float) -> None:
        """Do it for about that long."""
        times = max(50, round((self.rates[-1] if self.rates else WARM_UP) * seconds))
        orders = self.prepare(times)
        started, cpu_then = time.perf_counter(), time.process_time()
        self.run(orders, times)
        self.rates.append(times / (time.perf_counter() - started))
        self.cpu.append((time.process_time() - cpu_then) / times * 1e6)


def some_orders(times: int) -> list[Order]:
    return [an_order() for _ in range(times)]


def group_commit(runner: asyncio.Runner, store: SqliteOrderRepository, at_once: int) -> Contender:
    """The store, asked by that many tasks at once."""

    async def save_all(orders: list[Order]) -> None:
        waiting = iter(orders)

        async def one_after_another() -> None:
            for order in waiting:
                await store.save(order)

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))

    return Contender(f"orderkeep, {at_once} at once", some_orders, lambda orders, _: runner.run(save_all(orders)))


def no_group(runner: asyncio.Runner, store: SqliteOrderRepository, at_once: int) -> Contender:
    """The same, but that each save is a batch of its own."""
    grouped = group_commit(runner, store, at_once)

    def run(orders: list[Order], times: int) -> None:
        bound, writer.MOST_SAVES = writer.MOST_SAVES, 1
        try:
            grouped.run(orders, times)
        finally:
            writer.MOST_SAVES = bound

    return Contender("one a commit, same store", some_orders, run)


def one_commit_per_save(path: Path) -> Contender:
    """The same statements, encoding included, on a plain connection: no loop, no thread."""
    asyncio.run(SqliteOrderRepository(path).close())  # makes the tables
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    cursor = connection.cursor()

    def run(orders: list[Order], _: int) -> None:
        for order in orders:
            write = write_of(commit_of(order))
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute(write.statement, write.parameters)
            cursor.execute(INSERT_CHANGE, write.change)
            cursor.execute("COMMIT")

    return Contender("one a commit, bare statements", some_orders, run)


def bare_write(path: Path) -> Contender:
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    flush = getattr(os, "fdatasync", os.fsync)

    def run(_: list[Order], times: int) -> None:
        for number in range(times):
            os.pwrite(file, BLOCK, number % LOG_BLOCKS * len(BLOCK))
            flush(file)

    run([], LOG_BLOCKS)  # like SQLite's log, which is written over and over once it has its size
    return Contender("bare 4 KB write + fdatasync", lambda _: [], run)


def spread(values: list[float], digits: int) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:>9,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def ratios(ours: Contender, theirs: Contender) -> list[float]:
    return [one / other for one, other in zip(ours.rates, theirs.rates, strict=True)]


def report(contenders: list[Contender], yardsticks: list[Contender]) -> None:
    print(f"{'':32}{'per second (lowest to highest)':>34}{'CPU µs':>8}", *(f"{'x ' + y.name:>34}" for y in yardsticks))
    for contender in contenders:
        columns = f"{contender.name:32}{spread(contender.rates, 0):>34}{statistics.median(contender.cpu):>8.0f}"
        print(columns, *(f"{spread(ratios(contender, y), 2):>34}" for y in yardsticks))


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {platform.system()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="how often all take their turn (default 7)")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long a turn takes, about (default 0.5)")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    asked = parser.parse_args()
    print(f"Durable saves of the SQLite store: {machine()}; {asked.rounds} rounds of {asked.seconds} s")
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=asked.folder) as name, asyncio.Runner() as runner:
        folder = Path(name)
        store = SqliteOrderRepository(folder / "orders.db")
        single, bare = one_commit_per_save(folder / "single.db"), bare_write(folder / "bare")
        ours = {at_once: group_commit(runner, store, at_once) for at_once in AT_ONCE}
        apart = no_group(runner, store, WANTED_AT)
        contenders = [*ours.values(), apart, single, bare]
        for number in range(asked.rounds + 1):
            for contender in contenders:
                contender.measure(asked.seconds if number else WARM_UP / 1_000)
        for contender in contenders:
            del contender.rates[0], contender.cpu[0]  # the warm-up
        report(contenders, [single, apart, bare])
        reached = " and ".join(
            f"{statistics.median(ratios(ours[WANTED_AT], y)):.1f} x {y.name}" for y in (single, apart)
        )
        print(f"At {WANTED_AT} at once: {reached}; at least {WANTED:.0f} x one commit per save is wanted.")
        runner.run(store.close())


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
