"""orderkeep over HTTP against two yardsticks: a one-file FastAPI + sqlite3 service with the same promises, and bare
ASGI that returns orderkeep's own bytes. Place, get, list of 50 and cancel, at 1 and at 32 requests at once.

All run at the same time, each a process on a fresh file, and are loaded in turn, in short rounds, so that what disturbs
the machine disturbs all; the order changes from round to round. Read the ratios. It takes about two minutes.
"""

import argparse
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

from benchmarks.load import driver  # noqa: E402
from benchmarks.load.served import (  # noqa: E402
    Command,
    Measured,
    Server,
    interpreter_of,
    measured,
    orderkeep,
    serving,
    spread,
    syncs_per_second,
)

OURS, ONE_FILE, BARE, AGAINST = "orderkeep", "one file", "bare ASGI", "against"
OPERATIONS = ("place", "get", "list", "cancel")
AT_ONCE = (1, 32)
SECONDS_TO_WARM_UP, ORDERS_TO_WARM_UP = 5.0, 200
BUSY_DRIVER = 0.9
FIGURES = ("per_second", "cpu", "p50", "p99")

Cell = tuple[str, int]
Round = dict[Cell, dict[str, Measured]]

GOALS = (
    *((operation, 32, ONE_FILE, "cpu", bar) for operation, bar in (("get", 0.45), ("place", 0.5), ("cancel", 0.5))),
    *((operation, 32, BARE, "cpu", bar) for operation, bar in (("get", 2.7), ("list", 7))),
    *((operation, 32, ONE_FILE, "p99", 1) for operation in OPERATIONS),
    *((operation, 1, ONE_FILE, "p50", 1.05) for operation in OPERATIONS),
)
"""Operation, how many at once, yardstick, figure, and the ratio that it is to stay below."""


def uvicorn(app: str, *options: str) -> Command:
    """Return how a peer is started: on stock uvicorn, with httptools, uvloop and no access log."""
    stock = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", *stock, *options, "--app-dir", str(HERE / "peers"), app]
    return lambda port, _: [*command, "--port", str(port)]


@contextmanager
def services(folder: Path, against: Path | None) -> Iterator[list[Server]]:
    """Run all services, each on a fresh file, until the block ends."""
    with ExitStack() as stack:
        ours = stack.enter_context(serving(OURS, folder / "orderkeep.db", orderkeep, {}))
        servers = [ours]
        if against is not None:
            command = partial(orderkeep, python=interpreter_of(against))
            servers.append(stack.enter_context(serving(AGAINST, folder / "against.db", command, {})))
        one_file = uvicorn("one_file_service:app")
        settings = {"ORDERS_DB": str(folder / "one-file.db")}
        servers.append(stack.enter_context(serving(ONE_FILE, folder / "one-file.db", one_file, settings)))
        for server in servers:
            server.load("place", run="warm-up", concurrency=4, seconds=SECONDS_TO_WARM_UP, count=ORDERS_TO_WARM_UP)
        recorded = folder / "responses.json"
        recorded.write_text(json.dumps(record(ours)))
        bare = uvicorn("bare_asgi:app", "--no-server-header")
        servers.append(stack.enter_context(serving(BARE, folder / "bare", bare, {"BARE_RESPONSES": str(recorded)})))
        yield servers


def record(server: Server) -> dict[str, tuple[int, list[tuple[str, str]], str]]:
    """Return one response to each operation: status, headers except `date`, which every server adds, and body."""
    recorded: dict[str, tuple[int, list[tuple[str, str]], str]] = {}
    job: dict[str, Any] = {"run": "recorded", "ids": []}
    for operation in OPERATIONS:
        make_requests, expected = driver.OPERATIONS[operation]
        connection = driver.Connection(server.port, expected)
        connection.send_next(make_requests(job))
        while (response := connection.receive()) is None:
            pass
        connection.socket.close()
        head, _, body = response.decode().partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines) if name != "date"]
        recorded[operation] = int(status.split()[1]), headers, body
        if operation == "place":
            job["ids"].append(json.loads(body)["id"])
    return recorded


def one_round(number: int, servers: list[Server], seconds: float, wanted: list[str]) -> Round:
    """Load all services in every cell, in turn; another one is first in each cell and round."""
    cells: Round = {}
    for at_once in AT_ONCE:
        ids: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            if operation not in ("place", *wanted):
                continue
            first = (number + len(cells)) % len(servers)
            cell = {}
            for server in servers[first:] + servers[:first]:
                job = {"run": f"{number}-{at_once}", "concurrency": at_once, "seconds": seconds}
                counted = server.load(operation, **job, ids=ids.get(server.name, []))
                ids.setdefault(server.name, counted["ids"])
                cell[server.name] = measured(counted)
            cells[operation, at_once] = {server.name: cell[server.name] for server in servers}
    return {cell: found for cell, found in cells.items() if cell[0] in wanted}


def values(rounds: list[Round], cell: Cell, name: str, figure: str) -> list[float]:
    """Return a figure of one service, round by round."""
    return [getattr(cells[cell][name], figure) for cells in rounds]


def ratios(rounds: list[Round], cell: Cell, yardstick: str, figure: str) -> list[float]:
    """Return the ratio of orderkeep to a yardstick, round by round."""
    pairs = zip(values(rounds, cell, OURS, figure), values(rounds, cell, yardstick, figure), strict=True)
    return [ours / theirs for ours, theirs in pairs]


def print_head(folder: Path, rounds: int, seconds: float) -> None:
    """Print where and how this is measured."""
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}", end=", ")
    print(f"SQLite {sqlite3.sqlite_version}, uvicorn {version('uvicorn')}; {rounds} rounds of {seconds} s")
    load = f"load average {os.getloadavg()[0]:.1f}; " if hasattr(os, "getloadavg") else ""
    print(f"{load}{syncs_per_second(folder):,.0f} bare 4 KB writes + fdatasync a second in {folder}", flush=True)


def print_figures(rounds: list[Round]) -> None:
    """Print the lowest, median and highest figures of every service in every cell."""
    columns = ("requests/s", "CPU µs/request", "p50 ms", "p99 ms")
    print(f"\n{'min median max':24}" + "".join(f"{column:>24}" for column in columns) + "  driver busy")
    for cell in rounds[0]:
        for name in rounds[0][cell]:
            digits = zip(FIGURES, (0, 0, 2, 2), strict=True)
            shown = "".join(f"{spread(values(rounds, cell, name, figure), n):>24}" for figure, n in digits)
            busy = statistics.median(values(rounds, cell, name, "driver_busy"))
            label = f"{cell[0]:6} {cell[1]:>2} at once  {name}"
            print(f"{label:24}{shown}{busy:>13.0%}{' (!)' if busy > BUSY_DRIVER else ''}")


def print_ratios(rounds: list[Round]) -> None:
    """Print the ratios of orderkeep to every other service: lowest, median and highest round."""
    columns = ("requests/s", "CPU", "p50", "p99")
    print(f"\n{'orderkeep / …':24}" + "".join(f"{column:>24}" for column in columns))
    for cell in rounds[0]:
        for name in rounds[0][cell]:
            if name != OURS:
                label = f"{cell[0]:6} {cell[1]:>2} at once  {name}"
                shown = (f"{spread(ratios(rounds, cell, name, figure)):>24}" for figure in FIGURES)
                print(f"{label:24}{''.join(shown)}")


def print_goals(rounds: list[Round]) -> None:
    """Print which goals the medians of the ratios meet."""
    print()
    for operation, at_once, yardstick, figure, bar in GOALS:
        if (operation, at_once) in rounds[0]:
            ratio = statistics.median(ratios(rounds, (operation, at_once), yardstick, figure))
            verdict = "met" if ratio <= bar else "MISSED"
            print(f"{operation} at {at_once}: {figure} at most {bar} of {yardstick}: {ratio:.2f}, {verdict}")


def as_json(rounds: list[Round]) -> list[dict[str, Any]]:
    """Return every round's figures, by operation and number at once, by service."""
    return [
        {f"{cell[0]} {cell[1]}": {name: asdict(found) for name, found in cells[cell].items()} for cell in cells}
        for cells in rounds
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.75, help="for each load: 8 per service in a round")
    parser.add_argument("--only", choices=OPERATIONS, action="append", help="report this operation; may be repeated")
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout of orderkeep, with its .venv")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every round to FILE")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder) as name:
        folder = Path(name)
        print_head(folder, options.rounds, options.seconds)
        with services(folder, options.against) as servers:
            wanted = options.only or list(OPERATIONS)
            rounds = [one_round(number, servers, options.seconds, wanted) for number in range(options.rounds)]
    print_figures(rounds)
    print_ratios(rounds)
    print_goals(rounds)
    if options.json:
        options.json.write_text(json.dumps(as_json(rounds), indent=1))


if __name__ == "__main__":
    main()
