"""Check that statistics stay exact while the processes that count are killed, with random commands on any store:

    python -m tests.torture.killed_projectors sqlite:////tmp/orders.db --commands 100000

Writers run random commands; relays count what they did, and are ended by SIGKILL at random times; so is a rebuild. At
the end the statistics, and those after another rebuild, must equal a computation from the history of all orders. With
`memory://`, all of them are tasks of this process, and are cancelled.
"""

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Coroutine, MutableSequence, Sequence
from contextlib import suppress
from ctypes import c_int64
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

from orderkeep.application import projections
from orderkeep.application.ports import OrderStore
from orderkeep.application.projections import PAGE
from orderkeep.application.use_cases.diagnose_store import DiagnoseStoreUseCase
from orderkeep.application.use_cases.get_statistics import GetStatisticsUseCase
from orderkeep.application.use_cases.update_statistics import UpdateStatisticsUseCase
from orderkeep.bootstrap.stores import open_store, records_of
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.testing.stores import read_feed
from tests.torture.random_orders import START, RandomCommands
from tests.torture.recomputed_statistics import assert_equal, recomputed

DAYS = (date(2026, 2, 1), date(2028, 6, 1))
ZONE = "America/St_Johns"
WRITERS, RELAYS = 3, 3
AT_ONCE = 16
"""Commands that a writer runs at the same time, so that the latency of the store does not limit their number."""

SHORT_LEASE = 1.0
"""Seconds until another relay continues the work of one that was killed."""

PAGES = 60
"""A run has at least about so many pages to count: they are smaller if there are few commands."""

LONGEST_WAIT, LONGEST_PAUSE = 20.0, 0.4
"""Seconds that the next kill waits for a page that a relay has counted, and then until a random moment."""

PROCESSES = multiprocessing.get_context("forkserver")  # starts a process in milliseconds: the modules are loaded
ADAPTERS = ("sqlite_repo", "postgres_repo", "dynamo_repo")

Done = MutableSequence[int]
"""How many commands each writer has run, then how many pages each relay and its successors have counted, then how many
relays were killed.
"""
KILLED = WRITERS + RELAYS

LEAST_KILLED = 4
"""Relays that are killed while the writers write: they wait for it, however fast they are."""


def statistics_of(store: OrderStore, commands: int = sys.maxsize) -> UpdateStatisticsUseCase:
    update = UpdateStatisticsUseCase(store, lambda: records_of(store))
    update.projector.page = min(max(commands // 2 // PAGES, 1), PAGE)  # half of the commands are rejected
    return update


async def write(store: OrderStore, writer: int, seed: int, commands: int, done: Done) -> None:
    async def write_some(number: int) -> None:
        at = START + timedelta(days=10 * number)
        each = RandomCommands(store, (seed * WRITERS + writer) * AT_ONCE + number, f"order{writer}-{number}", at)
        for _ in range(number, commands, AT_ONCE):
            while done[KILLED] < LEAST_KILLED * done[writer] // commands:  # noqa: ASYNC110  # another process counts
                await asyncio.sleep(0.01)
            await each.run(1)
            done[writer] += 1
            await asyncio.sleep(0)  # a store in memory never waits

    await asyncio.gather(*map(write_some, range(AT_ONCE)))


async def relay(store: OrderStore, number: int, commands: int, done: Done) -> None:
    update = statistics_of(store, commands)
    while True:
        with suppress(OrderkeepError):
            if await update.execute():
                done[WRITERS + number] += 1
                await asyncio.sleep(0)
                continue
        await asyncio.sleep(0.02)


async def rebuild(store: OrderStore, commands: int) -> None:
    while True:
        with suppress(OrderkeepError):
            await statistics_of(store, commands).rebuild()
            return


def work(
    store: OrderStore, role: str, number: int, seed: int, commands: int, done: Done
) -> Coroutine[None, None, None]:
    projections.LEASE_SECONDS = SHORT_LEASE  # type: ignore[assignment]
    if role == "write":
        return write(store, number, seed, commands, done)
    return relay(store, number, commands, done) if role == "relay" else rebuild(store, commands)


async def work_in_store(url: str, role: str, number: int, seed: int, commands: int, done: Done) -> None:
    store = open_store(url)
    try:
        await work(store, role, number, seed, commands, done)
    finally:
        await store.close()


def run(url: str, role: str, number: int, seed: int, commands: int, done: Done) -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(work_in_store(url, role, number, seed, commands, done))


class Task:
    """A task with the methods of a process."""

    def __init__(self, work: Coroutine[None, None, None]) -> None:
        self.task = asyncio.create_task(work)

    @property
    def exitcode(self) -> int | None:
        if not self.task.done():
            return None
        return int(self.task.cancelled() or self.task.exception() is not None)

    def kill(self) -> None:
        self.task.cancel()

    def join(self) -> None:
        """Do nothing: a task ends when it is next run."""


@dataclass
class Torture:
    """The writers of one run, and what is killed."""

    url: str
    seed: int
    commands: int
    store: OrderStore = field(init=False)
    ends: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.store = open_store(self.url)
        self.in_memory = self.url.startswith("memory:")
        slots = KILLED + 1
        self.done: Done = [0] * slots if self.in_memory else PROCESSES.RawArray(c_int64, slots)  # type: ignore[assignment]

    def start(self, role: str, number: int = 0) -> "Task | multiprocessing.process.BaseProcess":
        commands = len(range(number, self.commands, WRITERS)) if role == "write" else self.commands
        if self.in_memory:
            return Task(work(self.store, role, number, self.seed, commands, self.done))
        arguments = (self.url, role, number, self.seed, commands, self.done)
        process = PROCESSES.Process(target=run, args=arguments, daemon=True)
        process.start()
        return process

    async def run(self, seconds: float) -> bool:
        """Let the writers write, and return whether they were complete in that time."""
        random, until = Random(self.seed), time.monotonic() + seconds
        writers = [self.start("write", number) for number in range(WRITERS)]
        killed = {
            role: self.start(*role) for role in (*(("relay", number) for number in range(RELAYS)), ("rebuild", 0))
        }
        pages = 0
        try:
            while time.monotonic() < until and not await self.is_done(writers):
                waited_until = time.monotonic() + LONGEST_WAIT
                while sum(self.done[WRITERS:KILLED]) == pages and time.monotonic() < waited_until:
                    await asyncio.sleep(0.01)  # pages are counted by other processes
                    if await self.is_done(writers):
                        break
                await asyncio.sleep(random.uniform(0, LONGEST_PAUSE / 10 if self.in_memory else LONGEST_PAUSE))
                pages = sum(self.done[WRITERS:KILLED])
                [role] = random.choices([*killed], [3, 3, 3, 1])  # a rebuild takes longer than a page
                self.end(role[0], killed[role])
                killed[role] = self.start(*role)
                if self.ends.total() % 50 == 0:
                    print(*self.done, dict(self.ends), file=sys.stderr, flush=True)
            complete = [each.exitcode for each in writers]
            assert set(complete) <= {0, None}, f"writers ended with {complete}"
            return None not in complete
        finally:
            for each in (*writers, *killed.values()):
                each.kill()
                each.join()
            await asyncio.sleep(0.1)

    async def is_done(self, writers: "Sequence[Task | multiprocessing.process.BaseProcess]") -> bool:
        """Return whether all is written, and the relays have counted it."""
        if any(each.exitcode is None for each in writers):
            return False
        progress, _ = await statistics_of(self.store).projector.progress()
        assert progress is not None  # it was started
        return not (await self.store.read_changes(progress.position, 1)).changes

    def end(self, role: str, process: "Task | multiprocessing.process.BaseProcess") -> None:
        if process.exitcode is None:
            process.kill()
            process.join()
            self.ends[f"{role} killed"] += 1
            self.done[KILLED] = self.ends["relay killed"]
        else:
            assert (role, process.exitcode) == ("rebuild", 0), f"a {role} ended with {process.exitcode}"
            self.ends[f"{role} complete"] += 1


async def torture(url: str, seed: int, commands: int, seconds: float) -> None:
    run, began = Torture(url, seed, commands), time.monotonic()
    store = run.store
    update = statistics_of(store)
    await update.projector.start()
    is_complete = await run.run(seconds)
    written = time.monotonic() - began
    use_case = GetStatisticsUseCase(update)
    found = await use_case.execute(*DAYS, timezone=ZONE, by="month")
    while not found.exact:
        found = await use_case.execute(*DAYS, timezone=ZONE, by="month")
    caught_up = time.monotonic() - began - written
    feed = await read_feed(store, size=1_000)
    assert found.position == len(feed), (found.position, len(feed))
    assert run.ends["relay killed"] >= LEAST_KILLED - 1, "too few commands: hardly any relay was killed"
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
        f"{url.split(':')[0]}: {sum(run.done[:WRITERS])} {'' if is_complete else f'of {commands} '}commands, "
        f"{len(feed)} changes of {report.orders} orders in {written:.0f} s, "
        f"{sum(run.done[WRITERS:KILLED])} pages counted meanwhile, "
        f"{run.ends['relay killed']} relays and {run.ends['rebuild killed']} rebuilds killed, "
        f"{run.ends['rebuild complete']} rebuilds complete, caught up in {caught_up:.1f} s, "
        f"rebuilt in {rebuilt:.1f} s: statistics equal the orders"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    PROCESSES.set_forkserver_preload([__spec__.name, *(f"orderkeep.infrastructure.{each}" for each in ADAPTERS)])
    asyncio.run(torture(given.url, given.seed, given.commands, given.seconds))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
