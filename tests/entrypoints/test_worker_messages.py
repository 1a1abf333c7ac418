"""What a worker does with a message of its supervisor."""

import asyncio
import signal
import socket
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from orderkeep.config import Settings
from orderkeep.entrypoints.api.server import DrainingServer


@pytest.mark.parametrize("message, stops", [(b"\0", False), (bytes([signal.SIGINT]), True), (b"", True)])
async def test_worker_stops_on_a_signal_but_not_if_a_connection_is_lost(message: bytes, stops: bool) -> None:
    ours, supervisor = socket.socketpair()
    app: Any = SimpleNamespace(state=SimpleNamespace())
    state: Any = SimpleNamespace()
    server = DrainingServer(uvicorn.Config(app), app, state, Settings(drain_seconds=0), ours)
    receiving = asyncio.create_task(server._receive(ours))
    with ours, supervisor:
        assert await asyncio.to_thread(supervisor.recv, 1) == b"\0"  # it serves
        supervisor.send(message) if message else supervisor.close()
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert server.should_exit is stops
        receiving.cancel()
