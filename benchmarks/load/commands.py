"""Commands that run to their end: the time, CPU and memory that each took, and the reports of them."""

import json
import os
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.load.driver import BODY
from benchmarks.load.served import environment, interpreter_of, spread

OURS, AGAINST = "orderkeep", "against"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = ("pending", "processing", "shipped", "delivered")


@dataclass(frozen=True)
class Run:
    """What one run of a command took."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float


def checkouts(against: Path | None) -> dict[str, str]:
    """Return the Python of each checkout to measure: this one's, and another's if one is given."""
    return {OURS: sys.executable} | ({AGAINST: interpreter_of(against)} if against else {})


def run(command: list[str], output: Path) -> Run:
    """Run a command to its end, its output going to a file. A failure ends the benchmark.

    Byte code is kept beside that file, so that all checkouts start alike, whatever their folders hold: run each
    command once before it is measured.
    """
    settings = environment(PYTHONPYCACHEPREFIX=str(output.with_name("bytecode")))
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    file = os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, file, 1), (os.POSIX_SPAWN_DUP2, file, 2)]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, settings, file_actions=actions)
    _, status, used = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    os.close(file)
    if status:
        sys.exit(f"{' '.join(command)} failed: {output.read_text()}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6)


def write_orders(path: Path, count: int) -> None:
    """Write that many orders of five lines, each with a reference, a time and a status."""
    with path.open("w") as file:
        for number in range(count):
            own = {
                "user_id": f"user-{number % 5_000}",
                "external_ref": f"web-{number}",
                "status": STATUSES[number % len(STATUSES)],
                "created_at": (FIRST_DAY + timedelta(seconds=7 * number)).isoformat(),
            }
            file.write(json.dumps({**BODY, **own}) + "\n")


def print_ratio(label: str, ours: list[float], theirs: list[float]) -> None:
    """Print the ratio of this checkout to the other, round by round: lowest, median and highest."""
    print(f"{label:32}{spread([one / other for one, other in zip(ours, theirs, strict=True)])}")


def middle(values: list[float]) -> str:
    """Return the median, with the lowest and the highest value."""
    return f"{statistics.median(values):>10,.1f} ({min(values):,.1f} to {max(values):,.1f})"
