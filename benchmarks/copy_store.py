"""Copy a SQLite store to another store: changes per second, CPU and memory, compared with the commits that made the
changes. Without `--to`, the other store is a SQLite file; `--to postgresql` starts a PostgreSQL server for the run.
"""

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from orderkeep.application.ports import StoreAccess
from orderkeep.bootstrap.store_copy import open_copies
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.value_objects import INTERNAL

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.orders import an_order  # noqa: E402
from tests.servers import postgres  # noqa: E402

BATCH = 200
CHANGES = 3
"""Changes of each order."""

Mark = tuple[int, float, float]
"""How many changes were copied, when, and the peak memory until then."""


def fill(url: str, orders: int) -> float:
    """Save the orders, and return the CPU time."""
    return asyncio.run(save(url, orders))


async def save(url: str, orders: int) -> float:
    store = open_store(url)
    began = time.process_time()
    for first in range(0, orders, BATCH):
        batch = [an_order() for _ in range(min(BATCH, orders - first))]
        for change in range(CHANGES):
            if change:
                for order in batch:
                    order.add_note(f"note {change}", INTERNAL, at=order.updated_at)
            await store.save_each(batch)
    spent = time.process_time() - began
    await store.close()
    return spent


def peak() -> float:
    """Return the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(source: str, target: str, orders: int, saved: float) -> None:
    """Copy and compare, and print the figures; `saved` is the CPU time of all commits."""
    stores = open_copies((source, target), StoreAccess.CREATE)
    marks: list[Mark] = [(0, time.perf_counter(), peak())]
    cpu = time.process_time()
    report = await stores.copy_store.execute(
        lambda changes: marks.append((marks[-1][0] + changes, time.perf_counter(), peak()))
    )
    elapsed, cpu = time.perf_counter() - marks[0][1], time.process_time() - cpu
    compared = time.perf_counter()
    comparison = await stores.compare_stores.execute()
    compared = time.perf_counter() - compared
    await stores.close()
    if comparison.differences or report.changes != orders * CHANGES:
        sys.exit(f"the copy is not complete: {report} {comparison.differences[:3]}")
    tenth = max(len(marks) // 10, 1)
    rates = [(end[0] - start[0]) / (end[1] - start[1]) for start, end in pairwise(marks[::tenth])]
    spread = f"{min(rates):,.0f}, {statistics.median(rates):,.0f}, {max(rates):,.0f}"
    print(f"{orders:,} orders, {report.changes:,} changes")
    print(
        f"copy: {elapsed:.1f} s, {report.changes / elapsed:,.0f} changes per second; min median max of tenths: {spread}"
    )
    print(f"copy a change: {cpu / report.changes * 1e6:.0f} µs of CPU, {cpu / saved:.2f} of its commit")
    memory = [marks[index][2] for index in (0, tenth, len(marks) // 2, -1)]
    print(
        "memory: {:.0f} MB before, {:.0f} MB after a tenth, {:.0f} MB after a half, {:.0f} MB at the end".format(
            *memory
        )
    )
    print(f"compare: {compared:.1f} s, {report.changes / compared:,.0f} changes per second, {peak():.0f} MB")


@contextmanager
def target_of(name: str | None, folder: Path) -> Iterator[str]:
    """Yield the URL of the target, and stop its server, if it has one, when the block ends."""
    if name != "postgresql":
        yield name or f"sqlite:///{folder}/copy.db"
        return
    server = postgres.start(folder)
    try:
        yield server.url
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--to", metavar="URL", help="an empty store, or postgresql")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder, target_of(options.to, Path(folder).resolve()) as target:
        source = f"sqlite:///{Path(folder).resolve()}/orders.db"
        # in a process of its own, so that the peak memory of this one is that of the copy
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as filling:
            saved = filling.submit(fill, source, options.orders).result()
        asyncio.run(measure(source, target, options.orders, saved))


if __name__ == "__main__":
    main()
