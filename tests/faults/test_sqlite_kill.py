"""A process that saves is killed (SIGKILL), again and again: all that was acknowledged is stored, and complete."""

import os
import random
import subprocess
import sys
from pathlib import Path

from orderkeep.bootstrap import bootstrap
from orderkeep.testing.stores import order_in
from tests.faults import store_process

KILLS = 30
MOST_ACKNOWLEDGED = 120
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(2**32)))
"""Printed with a failure; set `KILL_SEED` to it to see the kills at the same counts again."""


def acknowledged_until_killed(path: Path, count: int) -> dict[str, int]:
    """Let a process save, kill it once it acknowledged that many, and return the versions it acknowledged."""
    command = [sys.executable, store_process.__file__, "save", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        assert all(lines), "the process ended by itself"
        process.kill()
        lines += process.stdout.readlines()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {order_id: int(version) for order_id, version in whole}


async def test_keeps_all_that_was_acknowledged_before_the_kill(tmp_path: Path) -> None:
    path, chance = tmp_path / "orders.db", random.Random(SEED)
    acknowledged: dict[str, int] = {}
    for _ in range(KILLS):
        acknowledged |= acknowledged_until_killed(path, chance.randrange(1, MOST_ACKNOWLEDGED))
    use_cases = bootstrap(f"sqlite:///{path}")
    orders = [order_in(document) async for document in use_cases.export_orders.execute()]
    kept = {order.id: order.version for order in orders}
    report = await use_cases.verify_orders.execute()
    await use_cases.close()

    missing = {order_id for order_id, version in acknowledged.items() if kept.get(order_id, 0) < version}
    assert missing == set(), f"seed {SEED}"
    assert report.problems == [], f"seed {SEED}"
    assert len(kept) <= len(acknowledged) + KILLS * store_process.SAVERS, f"seed {SEED}"
