"""Check that statistics stay exact while the processes that count are killed, with random commands on any store:

    python -m tests.torture.killed_projectors sqlite:////tmp/orders.db --commands 100000

Writers run random commands; relays count what they did, and are ended by SIGKILL at random times; so is a rebuild. At
the end the statistics, and those after another rebuild, must equal a computation from the history of all orders.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import date
from random import Random
from zoneinfo import ZoneInfo

from orderkeep.application.ports import OrderStore
from orderkeep.application.use_cases.diagnose_store import DiagnoseStoreUseCase
from orderkeep.application.use_cases.get_statistics import GetStatisticsUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.bootstrap.stores import open_store, records_of
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.testing.stores import read_feed
from tests.torture.random_orders import RandomCommands
from tests.torture.recomputed_statistics import assert_equal, recomputed

DAYS = (date(2026, 2, 1), date(2028, 6, 1))
ZONE = "America/St_Johns"
WRITERS, RELAYS = 3, 3


def statistics_of(store: OrderStore) -> UpdateStatisticsUseCase:
    return UpdateStatisticsUseCase(store, lambda: records_of(store))


async def write(store: OrderStore, seed: int, commands: int) -> None:
    await RandomCommands(store, seed, f"order{seed}").run(commands)


async def relay(store: OrderStore) -> None:
    update = statistics_of(store)
    while True:
        with suppress(OrderkeepError):
            if await update.execute():
                continue
        await asyncio.sleep(0.02)


async def run_role(url: str, role: str, seed: int, commands: int) -> None:
    store = open_store(url)
    try:
        if role == "write":
            await write(store, seed, commands)
        elif role == "relay":
            await relay(store)
        else:
            await statistics_of(store).rebuild()
    finally:
        await store.close()


def start(url: str, role: str, seed: int = 0, commands: int = 0) -> "subprocess.Popen[bytes]":
    arguments = [url, "--role", role, "--seed", str(seed), "--commands", str(commands)]
    return subprocess.Popen([sys.executable, "-m", "tests.torture.killed_projectors", *arguments])


async def torture(url: str, seed: int, commands: int, seconds: float) -> None:
    random, began, kills = Random(seed), time.monotonic(), Counter[str]()
    store = open_store(url)
    update = statistics_of(store)
    await update.projector.start()
    writers = [start(url, "write", seed * 10 + number, commands // WRITERS) for number in range(WRITERS)]
    killed = {name: start(url, name.split()[0]) for name in (*(f"relay {n}" for n in range(RELAYS)), "rebuild")}
    try:
        while any(each.poll() is None for each in writers):
            await asyncio.sleep(random.uniform(0.05, 0.5))
            name = random.choice([*killed])
            kills[name.split()[0]] += killed[name].poll() is None
            killed[name].kill()
            killed[name].wait()
            killed[name] = start(url, name.split()[0])
            if time.monotonic() - began > seconds:
                for each in writers:
                    each.kill()
    finally:
        for each in (*writers, *killed.values()):
            each.kill()
            each.wait()
    written = time.monotonic() - began
    use_case = GetStatisticsUseCase(update)
    found = await use_case.execute(*DAYS, timezone=ZONE, by="month")
    while not found.exact:
        found = await use_case.execute(*DAYS, timezone=ZONE, by="month")
    caught_up = time.monotonic() - began - written
    feed = await read_feed(store, size=1_000)
    assert found.position == len(feed), (found.position, len(feed))
    zone = ZoneInfo(ZONE)
    by_day = await use_case.execute(DAYS[0], date(2028, 1, 1), timezone=ZONE)
    assert_equal(by_day, recomputed(feed, DAYS[0], date(2028, 1, 1), zone))
    before = time.monotonic()
    await update.rebuild()
    rebuilt = time.monotonic() - before
    assert await use_case.execute(*DAYS, timezone=ZONE, by="month") == found, "a rebuild has another result"
    report = await DiagnoseStoreUseCase(store).execute()
    assert not [each for each in report.findings if each.code == "statistics_differ"], report.findings
    await store.close()
    print(
        f"{url.split(':')[0]}: {commands} commands, {len(feed)} changes of {report.orders} orders in {written:.0f} s, "
        f"{kills['relay']} relays and {kills['rebuild']} rebuilds killed, caught up in {caught_up:.1f} s, "
        f"rebuilt in {rebuilt:.1f} s: statistics equal the orders"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--role", choices=["write", "relay", "rebuild"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    if given.role:
        with suppress(KeyboardInterrupt):
            asyncio.run(run_role(given.url, given.role, given.seed, given.commands))
    else:
        asyncio.run(torture(given.url, given.seed, given.commands, given.seconds))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
