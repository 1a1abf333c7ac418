"""The service is killed (SIGKILL) under eight writers, then PostgreSQL itself: what was acknowledged is there, once."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.keyed_writers import Journal, KeyedWriter
from tests.faults.killed_server import KilledServer
from tests.faults.loss_checker import complaints, read_kept
from tests.servers import postgres

KILLS_OF_THE_SERVICE = 8
KILLS_OF_POSTGRES = 6
WRITERS = 8
SHORTEST_LOAD, LONGEST_LOAD = 0.1, 0.6
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(2**32)))
"""Printed with a failure; set `KILL_SEED` to it to see the same orders and moments again."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[postgres.PostgresServer]:
    database = postgres.start(tmp_path)  # as it comes, so that a commit is on the disk
    yield database
    database.stop()


async def write_meanwhile(
    server: KilledServer, disturb: Callable[[random.Random], Awaitable[None]], kills: int
) -> tuple[Journal, list[str]]:
    """Let writers write while something is killed; return what they were told, and what is wrong."""
    chance, journal = random.Random(SEED), Journal()
    seeds = [random.Random(chance.random()) for _ in range(WRITERS)]
    writers = [KeyedWriter(f"w{n}", server, journal, seed, patient=True) for n, seed in enumerate(seeds)]
    try:
        await server.start()
        async with asyncio.TaskGroup() as group:
            for writer in writers:
                group.create_task(writer.write())
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(SHORTEST_LOAD, LONGEST_LOAD))
                await disturb(chance)
            for writer in writers:
                writer.stop()
    finally:
        await server.kill()
    kept, problems = await read_kept(server.store)
    return journal, [*complaints(journal.acknowledged, kept), *problems]


def said(journal: Journal) -> str:
    return f"seed {SEED}: {len(journal.acknowledged)} answers, {journal.lost} lost, {journal.replayed} given again"


async def test_loses_and_doubles_nothing_when_the_service_is_killed(
    tmp_path: Path, database: postgres.PostgresServer
) -> None:
    server = KilledServer(tmp_path, store=database.url)

    async def kill_the_service(chance: random.Random) -> None:
        await server.kill()
        await server.start()

    journal, found = await write_meanwhile(server, kill_the_service, KILLS_OF_THE_SERVICE)
    assert found == [], said(journal)
    assert journal.lost > 0, said(journal)


async def test_loses_and_doubles_nothing_when_postgres_is_killed(
    tmp_path: Path, database: postgres.PostgresServer
) -> None:
    async def kill_postgres(chance: random.Random) -> None:
        await asyncio.to_thread(database.kill)
        await asyncio.sleep(chance.uniform(0, SHORTEST_LOAD))
        await asyncio.to_thread(database.start)

    server = KilledServer(tmp_path, store=database.url)
    journal, found = await write_meanwhile(server, kill_postgres, KILLS_OF_POSTGRES)
    assert found == [], said(journal)
    assert journal.lost > 0, said(journal)
    assert len(journal.acknowledged) > WRITERS, said(journal)
