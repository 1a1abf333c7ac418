"""moto's server in place of AWS: one for a whole test run. It checks no signature and keeps all in memory."""

import signal
import sys
import tempfile
from pathlib import Path

from tests.servers.running import Shared, free_port, in_the_background

SECONDS_TO_START = 60.0


def start_shared(folder: Path) -> Shared:
    """Start the one server that a whole test run uses. Raises `RuntimeError` where it cannot be had."""
    home = Path(tempfile.mkdtemp(prefix="moto-", dir=folder))
    port = free_port()
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    pid = in_the_background(command, home / "log", port, SECONDS_TO_START)
    return Shared(f"http://127.0.0.1:{port}", pid, str(home), signal.SIGKILL)  # it keeps nothing
