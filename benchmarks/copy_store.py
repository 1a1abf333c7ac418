"""Copy a SQLite store to another store: changes per second, CPU and memory, compared with the commits that made the
changes. Without `--to`, the other store is a SQLite file.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from orderkeep.application.ports import StoreAccess
from orderkeep.bootstrap.store_copy import open_copies
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.value_objects import INTERNAL

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.orders import an_order  # noqa: E402

BATCH = 200
CHANGES = 3
"""Changes of each order."""


async def fill(url: str, orders: int) -> float:
    """Save the orders, and return the CPU time."""
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


async def measure(source: str, target: str, orders: int) -> None:
    saved = await fill(source, orders)
    before = peak()
    stores = open_copies((source, target), StoreAccess.CREATE)
    began, cpu = time.perf_counter(), time.process_time()
    report = await stores.copy_store.execute()
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    after = peak()
    compared = time.perf_counter()
    comparison = await stores.compare_stores.execute()
    compared = time.perf_counter() - compared
    await stores.close()
    if comparison.differences or report.changes != orders * CHANGES:
        sys.exit(f"the copy is not complete: {report} {comparison.differences[:3]}")
    print(f"{orders} orders, {report.changes} changes")
    print(f"copy: {elapsed:.1f} s, {report.changes / elapsed:.0f} changes per second")
    print(f"copy a change: {cpu / report.changes * 1e6:.0f} µs of CPU, {cpu / saved:.2f} of its commit")
    print(f"memory: {before:.0f} MB before, {after:.0f} MB at most during the copy")
    print(f"compare: {compared:.1f} s, {report.changes / compared:.0f} changes per second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--to", metavar="URL", help="an empty store, such as postgresql://localhost/bench")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder).resolve()
        source, target = f"sqlite:///{path}/orders.db", arguments.to or f"sqlite:///{path}/copy.db"
        asyncio.run(measure(source, target, arguments.orders))


if __name__ == "__main__":
    main()
