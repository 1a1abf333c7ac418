"""Services as processes on fresh files, the driver that loads them, and the figures that it returns."""

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

DRIVER = Path(__file__).with_name("driver.py")
SECONDS_TO_START = 20.0


@dataclass(frozen=True)
class Measured:
    """The figures of one service in one cell: CPU in µs per request (nan except on Linux), latencies in ms."""

    per_second: float
    cpu: float
    p50: float
    p99: float
    driver_busy: float


@dataclass(frozen=True)
class Server:
    """A running service."""

    name: str
    port: int
    pid: int

    def load(self, operation: str, **job: Any) -> dict[str, Any]:
        """Run the driver; return what it measured. A wrong response ends the benchmark."""
        job |= {"operation": operation, "port": self.port, "pid": self.pid}
        text = json.dumps(job)
        done = subprocess.run([sys.executable, DRIVER], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{self.name}: {done.stderr.strip()}")
        counted: dict[str, Any] = json.loads(done.stdout)
        return counted


Command = Callable[[int, Path], list[str]]
"""The command line that starts a service on a port and a file."""


def interpreter_of(checkout: Path) -> str:
    """Return the Python of another checkout's own .venv; ends the benchmark if it has none."""
    python = checkout.resolve() / ".venv" / "bin" / "python"
    if not python.exists():
        sys.exit(f"{checkout} has no .venv: run make setup there")
    return str(python)


def orderkeep(port: int, file: Path, python: str = sys.executable) -> list[str]:
    """Return the command line that starts orderkeep."""
    return [*orderkeep_on(file, python), "serve", "--port", str(port)]


def orderkeep_on(file: Path, python: str = sys.executable) -> list[str]:
    """Return orderkeep's command line, up to the command, on a SQLite file."""
    return [python, "-m", "orderkeep", "--store", f"sqlite:///{quote(str(file))}"]


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with these settings, and without the ORDERKEEP_ variables of its user."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ORDERKEEP_")} | settings


@contextmanager
def serving(name: str, file: Path, command: Command, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run a service on a file of its own until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with file.with_suffix(".log").open("w+") as log:
        process = subprocess.Popen(command(port, file), stdout=log, stderr=log, env=environment(**settings))
        try:
            if not _ready(process, port):
                log.seek(0)
                sys.exit(f"{name} did not start: {log.read()}")
            yield Server(name, port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _ready(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the service responds; return False if it ended or took too long."""
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


def measured(counted: dict[str, Any]) -> Measured:
    """Return the driver's counts per second and per request."""
    count, seconds, cpu = counted["count"], counted["seconds"], counted["cpu"]
    per_request = float("nan") if cpu is None else cpu / count * 1e6
    latencies = counted["p50"] * 1e3, counted["p99"] * 1e3
    return Measured(count / seconds, per_request, *latencies, counted["own_cpu"] / seconds)


def syncs_per_second(folder: Path, count: int = 300) -> float:
    """Return how often a second this disk makes 4 KB durable: far above 50,000 it is no disk."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        start = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
        return count / (time.perf_counter() - start)


def spread(values: list[float], digits: int = 2) -> str:
    """Return the lowest, the median and the highest; of a single value just that."""
    shown = (min(values), statistics.median(values), max(values))
    if len(values) == 1:
        return f"{'':6} {values[0]:>6.{digits}f} {'':6}"
    return " ".join(f"{value:>6.{digits}f}" for value in shown)
