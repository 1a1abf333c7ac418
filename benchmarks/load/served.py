"""Services as processes on fresh files, the driver that loads them, and how what they did is printed."""

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


Command = Callable[[int, Path], list[str]]
"""How a service is started on a port and a file."""


def orderkeep(port: int, file: Path) -> list[str]:
    """Return how ours is started."""
    return [*orderkeep_on(file), "serve", "--port", str(port)]


def orderkeep_on(file: Path) -> list[str]:
    """Return the command line, up to its command, on a SQLite file."""
    return [sys.executable, "-m", "orderkeep", "--store", f"sqlite:///{quote(str(file))}"]


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with these settings, and none of whoever runs the benchmark."""
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


def measured(counted: dict[str, Any]) -> Measured:
    """Return what the driver counted, per second and per request."""
    count, seconds, cpu = counted["count"], counted["seconds"], counted["cpu"]
    return Measured(count / seconds, None if cpu is None else cpu / count * 1e6, counted["own_cpu"] / seconds)


def syncs_per_second(folder: Path, count: int = 300) -> float:
    """Return how often a second this disk makes 4 KB durable: far above 50,000 it is no disk."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        start = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
        return count / (time.perf_counter() - start)


def spread(ratios: list[float]) -> str:
    """Return the lowest, the median and the highest; of a single one just that."""
    shown = (min(ratios), statistics.median(ratios), max(ratios))
    return " ".join(f"{ratio:>6.2f}" for ratio in shown) if len(ratios) > 1 else f"{'':6} {ratios[0]:>6.2f} {'':6}"
