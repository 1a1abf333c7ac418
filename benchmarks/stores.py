"""What each operation costs on each store: CPU of the service's process, round trips to the database, latency.

The whole service is loaded over HTTP (place with an Idempotency-Key, get, list of 50, cancel), in local mode, on
memory, SQLite, PostgreSQL and DynamoDB Local; the difference to memory is the store's own cost. With --against,
another checkout is measured in the same run, in turn. Round trips are counted at 1 at once, in a second process of the
service behind a proxy, so that counting does not disturb what is timed. It has no relay and is warmed up by the same
operation, so that only requests are counted. PostgreSQL and DynamoDB Local are started for the run. It takes about four
minutes.
"""

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[1]
sys.path[:0] = [str(CHECKOUT)]

from benchmarks.load.served import Measured, Server, environment, interpreter_of, measured, serving, spread  # noqa: E402
from tests.servers import dynamodb, postgres  # noqa: E402
from tests.servers.schemas import ask  # noqa: E402

OURS, AGAINST = "orderkeep", "against"
STORES = ("memory", "sqlite", "postgresql", "dynamodb")
OPERATIONS = ("place", "get", "list", "cancel")
AT_ONCE = (1, 32)
ORDERS_TO_WARM_UP, ORDERS_TO_COUNT, LONGEST_SECONDS = 300, 50, 60.0
PROXY = CHECKOUT / "benchmarks" / "load" / "counting_proxy.py"
AWS_KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

Cell = tuple[str, int]
Round = dict[Cell, dict[str, Measured]]


@dataclass(frozen=True)
class Databases:
    """The servers of the run, and a folder for files."""

    folder: Path
    postgres: str
    dynamodb: dynamodb.Server | None

    def new_store(self, kind: str, name: str, python: str) -> str:
        """Return the URL of an empty store that no other service uses."""
        if kind == "memory":
            return "memory://"
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.db"
        if kind == "postgresql":
            ask(self.postgres, f"CREATE SCHEMA {name}")
            return f"{self.postgres}?search_path={name}"
        assert self.dynamodb is not None
        url = self.dynamodb.url_of(name)
        command = [python, "-m", "orderkeep", "--store", url, "table", "create"]
        subprocess.run(command, check=True, capture_output=True, env=environment(**AWS_KEYS))
        return url


@contextmanager
def databases(kinds: list[str]) -> Iterator[Databases]:
    """Start the servers of these stores, and stop them when the block ends."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-stores-")))
        url, local = "", None
        if "postgresql" in kinds:
            server = postgres.start(folder)
            stack.callback(server.stop)
            url = server.url
        if "dynamodb" in kinds:
            shared = dynamodb.start_shared(folder)
            stack.callback(shared.stop)
            local = dynamodb.Server(shared.url)
        yield Databases(folder, url, local)


@contextmanager
def service(python: str, url: str, name: str, folder: Path, **settings: str) -> Iterator[Server]:
    """Run a checkout's service on a store until the block ends."""

    def command(port: int, _: Path) -> list[str]:
        return [python, "-m", "orderkeep", "--store", url, "serve", "--port", str(port)]

    with serving(name, folder / f"{name}.log", command, AWS_KEYS | settings) as server:
        server.load("place", run="warm-up", concurrency=32, seconds=LONGEST_SECONDS, count=ORDERS_TO_WARM_UP)
        yield server


@contextmanager
def counted(url: str) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """Run a proxy before a store's server until the block ends; yield it, and the URL of the store through it."""
    host, port = re.findall(r"(127\.0\.0\.1):(\d+)", url)[0]
    command = [sys.executable, str(PROXY), host, port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, url.replace(f":{port}", f":{int(process.stdout.readline())}")
        process.terminate()


def since_last(proxy: "subprocess.Popen[str]") -> int:
    """Return the round trips since the last call."""
    assert proxy.stdin is not None
    assert proxy.stdout is not None
    proxy.stdin.write("\n")
    proxy.stdin.flush()
    return int(proxy.stdout.readline())


def round_trips(python: str, url: str, name: str, folder: Path) -> dict[str, float]:
    """Return the round trips per operation; none for a store in the service's own process."""
    if url.startswith(("memory", "sqlite")):
        return {}
    found, ids = dict[str, float](), dict[str, list[str]]()
    alone = {"ORDERKEEP_RELAY": "off"}  # it reads the store at intervals
    with counted(url) as (proxy, through), service(python, through, f"{name}_counted", folder, **alone) as server:
        for operation in OPERATIONS:
            for run, count in (("first-use", 1), ("counted", ORDERS_TO_COUNT)):
                since_last(proxy)
                job = {"run": run, "concurrency": 1, "seconds": LONGEST_SECONDS, "ids": ids.get(run, [])}
                done = server.load(operation, **job, count=count)
                found[operation] = since_last(proxy) / done["count"]
                ids.setdefault(run, done["ids"])
    return found


def one_round(number: int, servers: list[Server], seconds: float) -> Round:
    """Load each service with each operation, in turn; another one is first in each round."""
    cells: Round = {}
    in_turn = servers if number % 2 else servers[::-1]
    for at_once in AT_ONCE:
        ids: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            cell = cells[operation, at_once] = {}
            for server in in_turn:
                job: dict[str, Any] = {"run": f"{number}-{at_once}", "concurrency": at_once, "seconds": seconds}
                done = server.load(operation, **job, ids=ids.get(server.name, []))
                ids.setdefault(server.name, done["ids"])
                cell[server.name] = measured(done)
    return cells


def measure(kind: str, pythons: dict[str, str], on: Databases, rounds: int, seconds: float) -> None:
    """Measure one store and print its lines."""
    urls = {name: on.new_store(kind, f"{name}_{kind}", python) for name, python in pythons.items()}
    trips = {name: round_trips(python, urls[name], name, on.folder) for name, python in pythons.items()}
    with ExitStack() as stack:
        servers = [stack.enter_context(service(pythons[name], urls[name], name, on.folder)) for name in pythons]
        found = [one_round(number, servers, seconds) for number in range(rounds)]
    for cell in found[0]:
        for name in pythons:
            print_line(kind, cell, name, trips[name].get(cell[0]), found)


def print_line(kind: str, cell: Cell, name: str, trips: float | None, rounds: list[Round]) -> None:
    """Print the medians of one service in one cell, and the ratio of this checkout's CPU to the other's."""
    figures = [cells[cell][name] for cells in rounds]
    middles = [
        statistics.median(getattr(each, name) for each in figures) for name in ("per_second", "cpu", "p50", "p99")
    ]
    shown = f"{middles[0]:>11,.0f}{middles[1]:>10,.0f}{middles[2]:>9.2f}{middles[3]:>9.2f}"
    ratio = ""
    if name == OURS and AGAINST in rounds[0][cell]:
        ratio = spread([cells[cell][OURS].cpu / cells[cell][AGAINST].cpu for cells in rounds])
    label = f"{kind:11}{cell[0]:7}{cell[1]:>3} at once  {name}"
    print(f"{label:42}{shown}{'-' if trips is None else f'{trips:.2f}':>13}   {ratio}".rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=STORES, action="append", help="only this store; may be repeated")
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout of orderkeep, with its .venv")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.75, help="for each load: 8 per service in a round")
    options = parser.parse_args()
    pythons = {OURS: sys.executable}
    if options.against:
        pythons[AGAINST] = interpreter_of(options.against)
    kinds = options.store or list(STORES)
    load = f"; load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}{load}")
    print(f"\n{'medians':42}{'requests/s':>11}{'CPU µs':>10}{'p50 ms':>9}{'p99 ms':>9}{'round trips':>13}   ", end="")
    print("ratio of CPU: min median max", flush=True)
    with databases(kinds) as on:
        for kind in kinds:
            measure(kind, pythons, on, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
