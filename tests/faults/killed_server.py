"""The service as a process that is killed and started again, always on the same store and port."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.servers.running import free_port

THE_SERVICE = ("-m", "orderkeep")
SECONDS_TO_START = 30.0


class KilledServer:
    """`start`, `kill` with no warning (SIGKILL), `start` again. `up` is set while requests make sense."""

    def __init__(self, folder: Path, program: Sequence[str] = THE_SERVICE, store: str | None = None) -> None:
        self.store = store or f"sqlite:///{folder / 'orders.db'}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.up = asyncio.Event()
        self._log = folder / "server.log"
        self._command = [sys.executable, *program, "--store", self.store, "serve", "--port", str(self.port)]
        self._process: Process | None = None

    async def start(self) -> None:
        """Return once the server is ready."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log)
        async with asyncio.timeout(SECONDS_TO_START), httpx.AsyncClient(base_url=self.url) as client:
            while not await _is_ready(client):
                if self._process.returncode is not None:
                    raise RuntimeError(f"the server ended: {self._log.read_text()}")
                await asyncio.sleep(0.01)
        self.up.set()

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process
        return self._process.pid

    async def kill(self) -> None:
        """End the process in the middle of whatever it does; does nothing where there is none."""
        self.up.clear()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
