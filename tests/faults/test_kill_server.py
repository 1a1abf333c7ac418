"""The server is killed (SIGKILL) at random moments under eight writers: what it acknowledged is there, whole, once."""

import asyncio
import os
import random
from collections.abc import Sequence
from pathlib import Path

from tests.faults.keyed_writers import Journal, KeyedWriter
from tests.faults.killed_server import THE_SERVICE, KilledServer
from tests.faults.loss_checker import complaints, read_kept

KILLS = 20
WRITERS = 8
SHORTEST_LOAD, LONGEST_LOAD = 0.05, 0.4
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(2**32)))
"""Printed with a failure; set `KILL_SEED` to it to see the same orders and moments again."""

RESPONDS_EARLY = (str(Path(__file__).with_name("early_response_server.py")),)


async def test_killed_service_neither_loses_nor_repeats_acknowledged_changes(tmp_path: Path) -> None:
    journal, found = await write_and_kill(tmp_path, KILLS)
    said = f"seed {SEED}: {len(journal.acknowledged)} answers, {journal.lost} lost, {journal.replayed} given again"
    assert found == [], said
    assert journal.lost > 0, f"no kill came between a request and its answer; {said}"


async def test_finds_the_loss_of_a_server_that_responds_before_the_commit(tmp_path: Path) -> None:
    _, found = await write_and_kill(tmp_path, 3, RESPONDS_EARLY)
    assert any("was acknowledged and is missing" in complaint for complaint in found), f"seed {SEED}: {found}"


async def write_and_kill(
    folder: Path, kills: int, program: Sequence[str] = THE_SERVICE, store: str | None = None
) -> tuple[Journal, list[str]]:
    """Let writers write while the server is killed and started again; return what they were told, and what is wrong."""
    chance = random.Random(SEED)
    server, journal = KilledServer(folder, program, store), Journal()
    writers = [KeyedWriter(f"w{n}", server, journal, random.Random(chance.random())) for n in range(WRITERS)]
    try:
        async with asyncio.TaskGroup() as group:
            for writer in writers:
                group.create_task(writer.write())
            for _ in range(kills):
                await server.start()
                await asyncio.sleep(chance.uniform(SHORTEST_LOAD, LONGEST_LOAD))
                await server.kill()
            for writer in writers:
                writer.stop()
            await server.start()
    finally:
        await server.kill()
    kept, problems = await read_kept(server.store)
    return journal, [*complaints(journal.acknowledged, kept), *problems]
