"""uvicorn's server, which looks after slow connections, and says that it ends before it does."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

from orderkeep.entrypoints.api.http1 import bounds
from orderkeep.entrypoints.api.http1.connection import Connection
from orderkeep.entrypoints.api.http1.traffic import Traffic

TICK_SECONDS = 0.1


class DrainingServer(uvicorn.Server):
    """At SIGTERM `/readyz` turns first, answers end their connections, and for `drain_seconds` all goes on as before:
    a load balancer needs that time to see it. At Ctrl+C nobody waits for a load balancer.
    """

    def __init__(self, config: uvicorn.Config, app: Any, traffic: Traffic, drain_seconds: float) -> None:
        super().__init__(config)
        self._app, self._traffic, self._drain_seconds = app, traffic, drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end. A second signal is not waited for any more."""
        if sig != signal.SIGTERM or self.should_exit:
            self._drain_seconds = 0
        self._traffic.draining = self._app.state.draining = True
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        self._sweeping = asyncio.create_task(self._sweep())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End once requests under way are answered."""
        await self._drain()
        await super().shutdown(sockets)
        self._sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeping

    async def _drain(self) -> None:
        """Go on as before for a while, which the clock of the answers' `Date` belongs to."""
        ticks = 0
        while ticks * TICK_SECONDS < self._drain_seconds:
            await self.on_tick(ticks)
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(bounds.SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, Connection)  # noqa: S101  # as it was configured
                connection.patience.look_at(connection, now)
