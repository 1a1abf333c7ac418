"""Page 1,000 of a list against pages 1 and 2, with 100,000 orders in SQLite: all should take the same time.

Pages are read in turn, so that what disturbs the machine disturbs all. Page 1 has no cursor to decode, page 2 has one.
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
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orderkeep.application.dtos import LineDTO, PlaceOrder
from orderkeep.application.ids import new_order_id
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.list_orders import ListOrdersUseCase
from orderkeep.domain.entities import Order
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository

PAGE_SIZE, PAGES = 50, 1_000
SAVED_AT_ONCE = 512
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
LISTS = {
    "all": OrderFilter(),
    "by status": OrderFilter(statuses=("pending",)),
    "by user": OrderFilter(user_id="user-1"),
    "by tag": OrderFilter(tag="gift"),
}


def an_order(number: int) -> Order:
    """Return a new order of two lines; most are one user's, so that their list has as many pages as is asked for."""
    lines = (
        LineDTO("SKU-4711-B", "Desk lamp, brass", 2, 4_750, 0, 760),
        LineDTO("SKU-0815", "Bulb E27", 3, 390, 70, 187),
    )
    placed = PlaceOrder(
        user_id=f"user-{1 if number % 3 else number}",
        total=12_042,
        currency="EUR",
        lines=lines,
        shipping=495,
        external_ref=f"web-{number}",
        tags=("gift", "express") if number % 3 else (),
    )
    return placed.to_order(new_order_id(), FIRST_DAY + timedelta(seconds=7 * number))


async def fill(store: SqliteOrderRepository, orders: int) -> None:
    started = time.perf_counter()
    for first in range(0, orders, SAVED_AT_ONCE):
        numbers = range(first, min(first + SAVED_AT_ONCE, orders))
        await asyncio.gather(*(store.save(an_order(number)) for number in numbers))
    print(f"{orders:,} orders were saved in {time.perf_counter() - started:.0f} s\n")


async def cursor_of(lists: ListOrdersUseCase, where: OrderFilter, page_number: int) -> str | None:
    """Walk to the page and return the cursor that leads to it."""
    cursor: str | None = None
    for _ in range(page_number - 1):
        cursor = (await lists.execute(where, limit=PAGE_SIZE, cursor=cursor)).next_cursor
        if cursor is None:
            sys.exit(f"there is no page {page_number}: ask for more orders or an earlier page")
    return cursor


async def microseconds(lists: ListOrdersUseCase, where: OrderFilter, cursor: str | None) -> float:
    started = time.perf_counter()
    page = await lists.execute(where, limit=PAGE_SIZE, cursor=cursor)
    taken = time.perf_counter() - started
    assert len(page.orders) == PAGE_SIZE
    return taken * 1e6


async def compare(name: str, lists: ListOrdersUseCase, late: int, rounds: int, times: int) -> None:
    cursors = {page: await cursor_of(lists, LISTS[name], page) for page in (1, 2, late)}
    medians: dict[int, list[float]] = {page: [] for page in cursors}
    for _ in range(rounds):
        taken: dict[int, list[float]] = {page: [] for page in cursors}
        for _ in range(times):
            for page, cursor in cursors.items():
                taken[page].append(await microseconds(lists, LISTS[name], cursor))
        for page, found in taken.items():
            medians[page].append(statistics.median(found))
    shown = "".join(f"{statistics.median(found):>12.0f}" for found in medians.values())
    ratios = "".join(f"{spread(medians[late], medians[page]):>26}" for page in (1, 2))
    print(f"{name:10}{shown}{ratios}", flush=True)


def spread(late: list[float], early: list[float]) -> str:
    ratios = [one / other for one, other in zip(late, early, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {platform.system()}"
    )


async def run(asked: argparse.Namespace, path: Path) -> None:
    store = SqliteOrderRepository(path)
    await fill(store, asked.orders)
    lists = ListOrdersUseCase(store)
    late = f"page {asked.page:,}"
    print(f"{'µs':10}{'page 1':>12}{'page 2':>12}{late:>12}{f'{late} / page 1':>26}{f'{late} / page 2':>26}")
    for name in LISTS:
        await compare(name, lists, asked.page, asked.rounds, asked.times)
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often medians are taken (default 9)")
    parser.add_argument("--times", type=int, default=100, help="how often each page is read in a round (default 100)")
    parser.add_argument("--orders", type=int, default=100_000, help="how many orders are kept (default 100,000)")
    parser.add_argument("--page", type=int, default=PAGES, help="the late page's number (default 1,000)")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    asked = parser.parse_args()
    print(f"Pages of {PAGE_SIZE} orders: {machine()}; {asked.rounds} rounds of {asked.times} reads each")
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=asked.folder) as folder:
        asyncio.run(run(asked, Path(folder) / "orders.db"))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
