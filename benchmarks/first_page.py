"""How long `orderkeep serve` takes to its first page: from the start of the process to the response of `/`, on a SQLite
file with a few orders, compared with a process that only imports FastAPI.

With --against, the servers of another checkout are started in turn with these.
"""

import argparse
import http.client
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.load.commands import AGAINST, OURS, checkouts, middle, print_ratio, run, write_orders  # noqa: E402
from benchmarks.load.driver import cpu_seconds  # noqa: E402
from benchmarks.load.served import environment, orderkeep, orderkeep_on  # noqa: E402

ORDERS = 20
GOAL_SECONDS = 0.9
SECONDS_TO_START = 60.0
REFERENCE = "import"
Taken = tuple[float, float]
"""Elapsed time and CPU, in ms."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout of orderkeep, with its .venv")
    options = parser.parse_args()
    pythons = checkouts(options.against)
    load = f"; load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}{load}")
    print(f"{options.rounds} starts, in turn; milliseconds: median (lowest to highest)\n")
    with tempfile.TemporaryDirectory(prefix="bench-first-page-") as name:
        folder = Path(name)
        write_orders(folder / "orders.jsonl", ORDERS)
        for who, python in pythons.items():
            run([*orderkeep_on(folder / f"{who}.db", python), "import", str(folder / "orders.jsonl")], folder / "log")
        found: dict[str, list[Taken]] = {}
        for number in range(options.rounds + 1):
            each = {who: first_page(folder / f"{who}.db", python) for who, python in pythons.items()}
            imported = run([sys.executable, "-c", "import fastapi"], folder / "log")
            each[REFERENCE] = (imported.seconds * 1e3, imported.cpu_seconds * 1e3)
            if number:  # the first start writes byte code and reads files from the disk
                for who, taken in each.items():
                    found.setdefault(who, []).append(taken)
    report(found)


def first_page(file: Path, python: str) -> Taken:
    """Start a server; return what it took until `/` responded. A failure ends the benchmark."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = environment(PYTHONPYCACHEPREFIX=str(file.with_name("bytecode")))
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    with file.with_suffix(".log").open("w+") as log:
        started = time.perf_counter()
        process = subprocess.Popen(orderkeep(port, file, python), stdout=log, stderr=log, env=settings)
        try:
            while not responds(port):
                if process.poll() is not None or time.perf_counter() - started > SECONDS_TO_START:
                    log.seek(0)
                    sys.exit(f"the server did not start: {log.read()}")
                time.sleep(0.005)
            seconds, cpu = time.perf_counter() - started, cpu_seconds(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    return seconds * 1e3, float("nan") if cpu is None else cpu * 1e3


def responds(port: int) -> bool:
    """Return whether the server returns the page."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status == 200 and b"<h1>" in response.read()
    except OSError:
        return False
    finally:
        connection.close()


def report(found: dict[str, list[Taken]]) -> None:
    """Print the figures and their ratios, round by round."""
    for index, figure in enumerate(("elapsed", "CPU")):
        of = {who: [taken[index] for taken in each] for who, each in found.items()}
        for who, values in of.items():
            print(f"{figure:12}{who:12}{middle(values)}")
        print_ratio(f"{figure:12}ratio to {REFERENCE}", of[OURS], of[REFERENCE])
        if AGAINST in of:
            print_ratio(f"{figure:12}ratio to {AGAINST}", of[OURS], of[AGAINST])
    fastest = min(elapsed for elapsed, _ in found[OURS])
    met = "met" if fastest <= GOAL_SECONDS * 1e3 else "missed"
    print(f"goal: at most {GOAL_SECONDS} s without other load, judged by the fastest start: {met}")


if __name__ == "__main__":
    main()
