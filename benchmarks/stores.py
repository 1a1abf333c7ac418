"""Each store through the use cases against its driver used directly, with the same statements on the same tables: get,
place, cancel and a list's page of 50, by 1 and by 32 at once.

Both sides take their turn in every round, so that what disturbs the machine disturbs both. What counts is the ratio.
By default the stores that need no server; more by URL: `--store postgresql://… --store dynamodb://…`. It WRITES to
them. Each store's driver is a file in peers/.
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from orderkeep.application.dtos import PlaceOrder
from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap import UseCases, build_use_cases
from orderkeep.bootstrap.stores import open_store
from orderkeep.domain.entities import Order
from orderkeep.infrastructure.serialization import Commit, commit_of

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.orders import a_command, an_order  # noqa: E402

AT_ONCE = (1, 32)
PAGE = 50
KEPT = 2_000
SAVED_AT_ONCE = 256
FIRST_TIMES = 20
MOST_READS, MOST_WRITES = 100_000, 2_000
"""In one turn: a driver of dicts would fill the memory."""


Ask = Callable[[Any], Awaitable[object]]


class Driver(Protocol):
    """What a file in peers/ offers as its class `Driver`, made with the store's URL."""

    async def open(self) -> None: ...
    def prepare(self, commit: Commit) -> Any: ...
    async def get(self, order_id: str) -> object: ...
    async def page(self, size: int) -> int: ...
    async def place(self, prepared: Any) -> None: ...
    async def cancel(self, prepared: Any) -> None: ...
    async def close(self) -> None: ...


def driver_of(url: str) -> Driver:
    return cast(Driver, import_module(f"peers.{urlsplit(url).scheme}_driver").Driver(url))


async def kept_orders(store: OrderStore, times: int) -> list[Order]:
    """Save that many new orders, and return them as they are kept."""
    orders = [an_order() for _ in range(times)]
    for first in range(0, times, SAVED_AT_ONCE):
        await asyncio.gather(*(store.save(order) for order in orders[first : first + SAVED_AT_ONCE]))
    return orders


@dataclass
class Side:
    """One way to do one thing. `prepare` makes what is asked with, outside of the time that is taken."""

    prepare: Callable[[int], Awaitable[Sequence[Any]]]
    ask: Ask
    most: int = MOST_WRITES
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def take_a_turn(self, seconds: float, at_once: int) -> None:
        times = min(self.most, max(FIRST_TIMES, round((self.rates[-1] if self.rates else 0) * seconds)))
        waiting = iter(await self.prepare(times))

        async def one_after_another() -> None:
            for asked in waiting:
                await self.ask(asked)

        started, cpu_then = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        self.rates.append(times / (time.perf_counter() - started))
        self.cpu.append((time.process_time() - cpu_then) / times * 1e6)


def sides(store: OrderStore, do: UseCases, driver: Driver, kept: list[str]) -> dict[str, tuple[Side, Side]]:
    """Return what is done, by the use cases and by the driver."""

    async def ids(times: int) -> Sequence[str]:
        return [kept[number % len(kept)] for number in range(times)]

    async def nothing(times: int) -> Sequence[int]:
        return [PAGE] * times

    async def commands(times: int) -> Sequence[PlaceOrder]:
        return [a_command() for _ in range(times)]

    async def placements(times: int) -> Sequence[Any]:
        return [driver.prepare(commit_of(an_order())) for _ in range(times)]

    async def to_cancel(times: int) -> Sequence[str]:
        return [order.id for order in await kept_orders(store, times)]

    async def cancellations(times: int) -> Sequence[Any]:
        orders = await kept_orders(store, times)
        for order in orders:
            order.cancel("changed mind", at=datetime.now(UTC))
        return [driver.prepare(commit_of(order)) for order in orders]

    return {
        "get": (Side(ids, do.get_order.execute, MOST_READS), Side(ids, driver.get, MOST_READS)),
        f"page of {PAGE}": (
            Side(nothing, lambda size: do.list_orders.execute(limit=size)),
            Side(nothing, driver.page),
        ),
        "place": (Side(commands, do.place_order.execute), Side(placements, driver.place)),
        "cancel": (
            Side(to_cancel, lambda order_id: do.cancel_order.execute(order_id, reason="changed mind")),
            Side(cancellations, driver.cancel),
        ),
    }


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.2f} ({min(values):,.2f} to {max(values):,.2f})"


def report(name: str, at_once: int, ours: Side, theirs: Side) -> None:
    del ours.rates[0], ours.cpu[0], theirs.rates[0], theirs.cpu[0]  # the warm-up
    rates = [one / other for one, other in zip(ours.rates, theirs.rates, strict=True)]
    cpu = [one / max(other, 0.01) for one, other in zip(ours.cpu, theirs.cpu, strict=True)]
    middle = [statistics.median(values) for values in (ours.rates, theirs.rates, ours.cpu, theirs.cpu)]
    print(f"{name:12}{at_once:>8}{middle[0]:>13,.0f}{middle[1]:>13,.0f}{spread(rates):>26}", end="")
    print(f"{middle[2]:>9,.0f}{middle[3]:>9,.0f}{spread(cpu):>26}")


async def measure(url: str, rounds: int, seconds: float) -> None:
    store = open_store(url)
    do, driver = build_use_cases(store), driver_of(url)
    orders = await kept_orders(store, KEPT)
    await driver.open()
    for order in orders:
        driver.prepare(Commit(0, commit_of(order).order, commit_of(order).change))
    print(f"\n{urlsplit(url).scheme:12}{'at once':>8}{'use cases/s':>13}{'driver/s':>13}{'ratio of rates':>26}", end="")
    print(f"{'CPU µs':>9}{'driver':>9}{'ratio of CPU':>26}")
    for at_once in AT_ONCE:
        for name, (ours, theirs) in sides(store, do, driver, [order.id for order in orders]).items():
            for _ in range(rounds + 1):
                await ours.take_a_turn(seconds, at_once)
                await theirs.take_a_turn(seconds, at_once)
            report(name, at_once, ours, theirs)
    await driver.close()
    await do.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", action="append", default=[], metavar="URL", help="a further store; may be repeated")
    parser.add_argument("--rounds", type=int, default=7, help="how often both take their turn (default 7)")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a turn takes, about (default 0.3)")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    asked = parser.parse_args()
    print(f"Stores: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"{platform.system()}; {asked.rounds} rounds of {asked.seconds} s")
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=asked.folder) as folder:
        for url in ("memory://", f"sqlite:///{Path(folder) / 'orders.db'}", *asked.store):
            asyncio.run(measure(url, asked.rounds, asked.seconds))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
