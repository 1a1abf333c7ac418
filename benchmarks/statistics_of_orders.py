"""Cost of the statistics: the CPU to count a change, compared with the commits that make it, and to read them.

Orders are placed, paid, confirmed, shipped and delivered in a new SQLite file, over a year; then all changes are
counted, and the statistics of a month and of the year are read.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.get_statistics import GetStatisticsUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.bootstrap.stores import records_of
from orderkeep.domain.entities import Order
from orderkeep.domain.payments import Payment
from orderkeep.infrastructure.sqlite_repo import SqliteOrderRepository

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.orders import an_order  # noqa: E402

START, END = date(2025, 11, 1), date(2026, 11, 1)
BATCH = 100
_EVERYTHING = OrderFilter()


def placed_at(at: datetime) -> Order:
    order = an_order()
    order.created_at = order.updated_at = at
    return order


async def save_lives(store: SqliteOrderRepository, count: int, number: int, orders: int) -> None:
    """Save orders in five commits each, as they follow one another in a shop: the queue of a day is worked off."""
    midnight = datetime(START.year, START.month, START.day, tzinfo=UTC)
    batch = [placed_at(midnight + (number + index) * timedelta(days=365) / orders) for index in range(count)]
    await store.save_each(batch)
    for hours, step in enumerate(("pay", "confirm", "ship", "deliver"), start=1):
        for order in batch:
            at = order.created_at + timedelta(hours=hours * 7)
            if step == "pay":
                order.record_payment(Payment("p1", "captured", order.total.minor, "card", at), at=at)
            else:
                getattr(order, step)(at=at)
        await store.save_each(batch)


async def measure(folder: Path, orders: int, rounds: int) -> None:
    store = SqliteOrderRepository(folder / "orders.db")
    update = UpdateStatisticsUseCase(store, lambda: records_of(store))
    use_case = GetStatisticsUseCase(update)
    await update.projector.start()
    ratios, costs = [], []
    limits = [round(orders * part / rounds) for part in range(rounds + 1)]
    for first, last in pairwise(limits):
        began = time.process_time()
        for number in range(first, last, BATCH):
            await save_lives(store, min(BATCH, last - number), number, orders)
        saved = time.process_time() - began
        began = time.process_time()
        while await update.execute():
            pass
        counted = time.process_time() - began
        ratios.append(counted / saved)
        costs.append(counted / (5 * (last - first)))
    print(f"{orders} orders, {5 * orders} changes, {rounds} rounds")
    print(f"count a change: {median(costs) * 1e6:.0f} µs of CPU")
    print(f"count / commit, CPU: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    page = await _milliseconds(lambda: store.list_page(_EVERYTHING, None, 200))
    print(f"page of 200 orders: {page:.1f} ms of CPU")
    for name, start, by in (("month", date(2026, 10, 1), "day"), ("year", START, "day"), ("year", START, "month")):
        spent = await _milliseconds(lambda: use_case.execute(start, END, timezone="Europe/Berlin", by=by))  # noqa: B023
        print(f"statistics of a {name} by {by}: {spent:.0f} ms of CPU")
    await store.close()


async def _milliseconds(call: Callable[[], Awaitable[object]]) -> float:
    times = []
    for _ in range(5):
        began = time.process_time()
        await call()
        times.append((time.process_time() - began) * 1e3)
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path())
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        asyncio.run(measure(Path(folder), given.orders, given.rounds))


if __name__ == "__main__":
    main()
