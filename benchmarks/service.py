"""orderkeep over HTTP against a one-file FastAPI + sqlite3 service with the same promises: place, get and cancel.

Both run at the same time, each a process on a fresh file, and are asked in turn, in short rounds, so that what disturbs
the machine disturbs both. What counts is the ratio. It takes about two minutes.
"""

import argparse
import http.client
import json
import os
import platform
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).parent
DRIVER = HERE / "load" / "driver.py"
OURS, THEIRS = "orderkeep", "one file"
OPERATIONS = ("place", "get", "cancel")
AT_ONCE = (1, 32)
SECONDS_TO_START = 20.0
SECONDS_TO_WARM_UP = 0.3

Cell = tuple[str, int]


@dataclass(frozen=True)
class Measured:
    """What one service did in one cell: requests and microseconds of its CPU per request, where the machine tells."""

    per_second: float
    cpu: float | None
    driver_busy: float


@dataclass(frozen=True)
class Server:
    """A service that runs."""

    name: str
    port: int
    pid: int

    def load(self, operation: str, **job: Any) -> dict[str, Any]:
        """Let the driver send requests; return what it counted. A wrong answer ends the benchmark."""
        job |= {"operation": operation, "port": self.port, "pid": self.pid}
        asked = json.dumps(job)
        done = subprocess.run([sys.executable, DRIVER], input=asked, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{self.name}: {done.stderr.strip()}")
        counted: dict[str, Any] = json.loads(done.stdout)
        return counted


def command(name: str, port: int, file: Path) -> list[str]:
    """Return how a service is started: both on uvicorn with httptools, uvloop and no access log."""
    if name == OURS:
        store = f"sqlite:///{quote(str(file))}"
        return [sys.executable, "-m", "orderkeep", "--store", store, "serve", "--port", str(port)]
    options = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    app = ["--app-dir", str(HERE / "peers"), "one_file_service:app", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", *app, *options]


@contextmanager
def serving(name: str, folder: Path) -> Iterator[Server]:
    """Run a service on a fresh file of its own until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = folder / f"{name.replace(' ', '-')}-{port}.db"
    with (folder / f"{name}.log").open("w+") as log:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERKEEP_")}
        environment["ORDERS_DB"] = str(file)
        process = subprocess.Popen(command(name, port, file), stdout=log, stderr=log, env=environment)
        try:
            if not ready(process, port):
                log.seek(0)
                sys.exit(f"{name} did not start: {log.read()}")
            yield Server(name, port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def ready(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the service answers; False where it ended, or took too long."""
    end = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return True
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    return False


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


def measured(counted: dict[str, Any]) -> Measured:
    count, seconds, cpu = counted["count"], counted["seconds"], counted["cpu"]
    return Measured(count / seconds, None if cpu is None else cpu / count * 1e6, counted["own_cpu"] / seconds)


def print_head(folder: Path) -> None:
    """Say where this was measured."""
    print(f"orderkeep against a one-file service: {os.cpu_count()} cores, {platform.machine()}, Python", end=" ")
    print(f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, uvicorn {version('uvicorn')}; {folder}:")
    print(f"{syncs_per_second(folder):,.0f} bare 4 KB writes + fdatasync a second\n")
    print(f"{'':8} {'':13}  {'requests/s':^20}  {'CPU µs/request':^20}  ratio of requests/s   ratio of CPU")
    print(f"{'':8} {'':13}  {OURS:>10}{THEIRS:>10}  {OURS:>10}{THEIRS:>10}    min median   max   min median   max")


def syncs_per_second(folder: Path, count: int = 300) -> float:
    """Return how often a second this disk makes 4 KB durable: far above 50,000 it is no disk."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        start = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
        return count / (time.perf_counter() - start)


def print_line(label: str, cell: Cell, rounds: list[dict[str, Measured]]) -> None:
    """Print the medians over some rounds, and the ratios ours/theirs of each round: lowest, median, highest."""
    rates = [[found[name].per_second for found in rounds] for name in (OURS, THEIRS)]
    cpus = [[found[name].cpu or float("nan") for found in rounds] for name in (OURS, THEIRS)]
    middles = [f"{statistics.median(values):>10,.0f}" for values in (*rates, *cpus)]
    ratios = "  ".join(spread([ours / theirs for ours, theirs in zip(*pair, strict=True)]) for pair in (rates, cpus))
    numbers = f"{middles[0]}{middles[1]}  {middles[2]}{middles[3]}"
    print(f"{label:8} {cell[0]:6} {cell[1]:>3} at once {numbers}  {ratios}", flush=True)


def spread(ratios: list[float]) -> str:
    shown = (min(ratios), statistics.median(ratios), max(ratios))
    return " ".join(f"{ratio:>6.2f}" for ratio in shown) if len(ratios) > 1 else f"{'':6} {ratios[0]:>6.2f} {'':6}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.75, help="for each of the 12 loads of a round")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk to measure on (default: here)")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".bench-", dir=options.folder)))
        print_head(folder)
        servers = [stack.enter_context(serving(name, folder)) for name in (OURS, THEIRS)]
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
