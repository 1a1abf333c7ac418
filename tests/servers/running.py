"""Servers that tests start: once per run, whichever of its processes needs one first, and stopped by process id."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

SECONDS_TO_STOP = 20.0


@dataclass(frozen=True)
class Shared:
    """A server that all processes of a test run use. Whoever stops it need not be who started it."""

    url: str
    pid: int
    folder: str
    stop_signal: int = signal.SIGTERM

    def stop(self) -> None:
        stop_process(self.pid, self.stop_signal)
        shutil.rmtree(self.folder, ignore_errors=True)


def shared(root: Path, name: str, start: Callable[[], Shared]) -> Shared:
    """Return the run's one server of that name: `root` is the folder that all processes of the run share."""
    with alone(root / f"{name}.lock"):
        note = root / f"{name}.server.json"
        if note.exists():
            return Shared(**json.loads(note.read_text()))
        server = start()
        note.write_text(json.dumps(asdict(server)))
        return server


def in_the_background(command: list[str], log: Path, port: int, seconds: float) -> int:
    """Start a server, wait until the port answers, and return its process id. Raises `RuntimeError`."""
    # Not a child of this worker, which may end before the others.
    script = '"$@" >"$0" 2>&1 </dev/null & echo $!'
    started = subprocess.run(
        ["sh", "-c", script, log, *command], check=True, capture_output=True, text=True, start_new_session=True
    )
    pid = int(started.stdout)
    deadline = time.monotonic() + seconds
    while not _answers(port):
        if not is_running(pid) or time.monotonic() > deadline:
            raise RuntimeError(f"it does not start: {log.read_text(encoding='utf-8')}")
        time.sleep(0.05)
    return pid


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def stop_all(root: Path) -> None:
    """Stop the servers that this run started."""
    for note in root.glob("*.server.json"):
        Shared(**json.loads(note.read_text())).stop()
        note.unlink()


def stop_process(pid: int, number: int) -> None:
    """End the process, gently first, and return when it is gone."""
    deadline = time.monotonic() + SECONDS_TO_STOP
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        while time.monotonic() < deadline:
            if not is_running(pid):
                return
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Tell whether there is such a process; one of our own that ended is cleared away."""
    try:
        ended = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    if ended:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return not ended


@contextmanager
def alone(path: Path) -> Iterator[Any]:
    """Be the only one of the run's processes that has that file."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
