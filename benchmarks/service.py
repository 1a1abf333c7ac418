"""orderkeep over HTTP against a one-file FastAPI + sqlite3 service with the same promises: place, get and cancel.

Both run at the same time, each a process on a fresh file, and are asked in turn, in short rounds, so that what disturbs
the machine disturbs both. What counts is the ratio. It takes about two minutes.
"""

import argparse
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from benchmarks.load.served import Measured, Server, measured, orderkeep, serving, spread, syncs_per_second  # noqa: E402

OURS, THEIRS = "orderkeep", "one file"
OPERATIONS = ("place", "get", "cancel")
AT_ONCE = (1, 32)
SECONDS_TO_WARM_UP = 0.3

Cell = tuple[str, int]


def one_file(port: int, _: Path) -> list[str]:
    """Return how the other is started: on uvicorn as ours, with httptools, uvloop and no access log."""
    options = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    app = ["--app-dir", str(HERE / "peers"), "one_file_service:app", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", *app, *options]


def started(name: str, folder: Path) -> AbstractContextManager[Server]:
    """Return a service that runs on a fresh file as long as its block does."""
    file = folder / f"{name.replace(' ', '-')}.db"
    return serving(name, file, orderkeep if name == OURS else one_file, {"ORDERS_DB": str(file)})


def one_round(number: int, servers: list[Server], seconds: float) -> dict[Cell, dict[str, Measured]]:
    """Measure every cell on both services, in turn; who goes first changes from round to round."""
    in_turn = servers if number % 2 else servers[::-1]
    cells: dict[Cell, dict[str, Measured]] = {}
    for at_once in AT_ONCE:
        ids: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            cell = cells[operation, at_once] = {}
            for server in in_turn:
                job = {"run": f"{number}-{at_once}", "concurrency": at_once, "seconds": seconds}
                counted = server.load(operation, **job, ids=ids.get(server.name, []))
                ids.setdefault(server.name, counted["ids"])
                cell[server.name] = measured(counted)
            print_line(f"round {number}", (operation, at_once), [cell])
    return cells


def print_head(folder: Path) -> None:
    """Say where this was measured."""
    print(f"orderkeep against a one-file service: {os.cpu_count()} cores, {platform.machine()}, Python", end=" ")
    print(f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, uvicorn {version('uvicorn')}; {folder}:")
    print(f"{syncs_per_second(folder):,.0f} bare 4 KB writes + fdatasync a second\n")
    print(f"{'':8} {'':13}  {'requests/s':^20}  {'CPU µs/request':^20}  ratio of requests/s   ratio of CPU")
    print(f"{'':8} {'':13}  {OURS:>10}{THEIRS:>10}  {OURS:>10}{THEIRS:>10}    min median   max   min median   max")


def print_line(label: str, cell: Cell, rounds: list[dict[str, Measured]]) -> None:
    """Print the medians over some rounds, and the ratios ours/theirs of each round: lowest, median, highest."""
    rates = [[found[name].per_second for found in rounds] for name in (OURS, THEIRS)]
    cpus = [[found[name].cpu or float("nan") for found in rounds] for name in (OURS, THEIRS)]
    middles = [f"{statistics.median(values):>10,.0f}" for values in (*rates, *cpus)]
    ratios = "  ".join(spread([ours / theirs for ours, theirs in zip(*pair, strict=True)]) for pair in (rates, cpus))
    numbers = f"{middles[0]}{middles[1]}  {middles[2]}{middles[3]}"
    print(f"{label:8} {cell[0]:6} {cell[1]:>3} at once {numbers}  {ratios}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.75, help="for each of the 12 loads of a round")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder)))
        print_head(folder)
        servers = [stack.enter_context(started(name, folder)) for name in (OURS, THEIRS)]
        for server in servers:
            server.load("place", run="warm-up", concurrency=4, seconds=SECONDS_TO_WARM_UP)
        rounds = [one_round(number, servers, options.seconds) for number in range(1, options.rounds + 1)]
    print()
    for cell in rounds[0]:
        print_line("all", cell, [cells[cell] for cells in rounds])
    busiest = max(found.driver_busy for cells in rounds for cell in cells.values() for found in cell.values())
    print(f"\nThe driver was busy for {busiest:.0%} of the time at most.")


if __name__ == "__main__":
    main()
