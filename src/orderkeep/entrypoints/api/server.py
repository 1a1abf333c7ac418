"""The HTTP server: one process, or several workers, on one port until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import logging.config
import os
import re
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from orderkeep.application.access.loopback import is_loopback
from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.bootstrap.access import AuthenticationNotInstalled
from orderkeep.bootstrap.documents import InvalidDocumentsURL
from orderkeep.bootstrap.stores import InvalidStoreURL
from orderkeep.config import Settings
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.http1 import Connection, ServerState
from orderkeep.entrypoints.api.http1.limits import SWEEP_SECONDS
from orderkeep.entrypoints.api.workers import Supervisor
from orderkeep.entrypoints.logs import install_log_hooks, server_log_config, visible

TICK_SECONDS = 0.1

USAGE, STORE_UNAVAILABLE = 2, 7
"""Exit codes, the same as those of the other commands."""

ALL_INTERFACES = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, not listened on

BANNER = """\
orderkeep serves the orders in {store}
  API and documentation:  {url}/docs
  place an order:         curl {url}/orders -H 'Content-Type: application/json'{token} \\
                            -d '{{"user_id": "user-42", "total": 9900, "currency": "EUR"}}'
  access:                 {access}
  stop:                   Ctrl+C
"""

LOCAL_ACCESS = "localhost only, without authentication; set ORDERKEEP_AUTH to enable it"
METHODS = {"keys": "an API key (`orderkeep keys create`)", "jwt": "a token of {issuer}"}


def serve(settings: Settings) -> None:
    """Serve until a signal; requests in progress are finished. Exits with 2 if the store's URL, the port, the
    authentication or the number of workers cannot be used, and with 7 if the store cannot be opened.
    """
    _require_authentication(settings)
    if settings.workers > 1:
        _check_workers(settings)
    with _listen(settings.host, settings.port) as listener:
        if settings.workers > 1:
            raise SystemExit(asyncio.run(_supervise(settings, listener)))
        _run(settings, [listener])


async def _supervise(settings: Settings, listener: socket.socket) -> int:
    logging.config.dictConfig(server_log_config(settings.log_format, settings.log_level))
    install_log_hooks()
    environment = {f"ORDERKEEP_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    return await Supervisor(
        [sys.executable, "-m", "orderkeep.entrypoints.api.server"],
        {**os.environ, **environment},
        listener,
        settings.workers,
        settings.drain_seconds,
        on_ready=partial(_print_banner, settings, listener),
    ).run()


def _work() -> None:
    """Serve as a worker of a supervisor, to which standard input is connected."""
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as supervisor:
        _run(Settings(), [], supervisor)


def _run(settings: Settings, listeners: list[socket.socket], supervisor: socket.socket | None = None) -> None:
    loop_factory = uvicorn.Config("", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(settings, listeners, supervisor))


async def _serve(settings: Settings, listeners: list[socket.socket], supervisor: socket.socket | None) -> None:
    use_cases = _open(settings)
    try:
        server = _server(settings, use_cases, supervisor)
        install_log_hooks()
        gc.collect()
        gc.freeze()
        for listener in listeners:
            _print_banner(settings, listener)
        # uvicorn handles these signals and raises them again at its end, before the store is closed.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        await server.serve(sockets=listeners)
    finally:
        await use_cases.close()


def _check_workers(settings: Settings) -> None:
    if sys.platform == "win32":
        _leave("several workers are not supported on Windows: set ORDERKEEP_WORKERS=1", USAGE)
    for name, url in (("store", settings.store), ("documents", settings.documents)):
        if url.startswith("memory:"):
            _leave(
                f"{settings.workers} workers cannot share {name} in memory: set ORDERKEEP_{name.upper()} to a URL that "
                "all processes can open, or ORDERKEEP_WORKERS=1",
                USAGE,
            )


def _require_authentication(settings: Settings) -> None:
    if settings.authentication == {"authorizer"}:
        _leave("ORDERKEEP_AUTH=authorizer needs API Gateway in front of Lambda: set it to keys or jwt", USAGE)
    if not settings.authentication and not is_loopback(settings.host):
        _leave(
            f"refusing to listen on {settings.host} without authentication: set ORDERKEEP_AUTH=keys and create a key "
            "with `orderkeep keys create`, or listen on 127.0.0.1",
            USAGE,
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        way_out = "use another --port (with make: PORT=8001) or --host"
        _leave(f"cannot listen on {host} port {port}: {reason or error}; {way_out}", USAGE)


def _open(settings: Settings) -> UseCases:
    try:
        return bootstrap_from_settings(settings)
    except (InvalidStoreURL, InvalidDocumentsURL, AuthenticationNotInstalled) as error:
        _leave(str(error), USAGE)
    except StoreUnavailable as error:
        _leave(f"the store cannot be opened: {error}", STORE_UNAVAILABLE)


def _leave(message: str, code: int) -> NoReturn:
    print(f"orderkeep: {visible(message)}", file=sys.stderr, flush=True)  # noqa: T201  # to whoever started it
    raise SystemExit(code)


def _server(settings: Settings, use_cases: UseCases, supervisor: socket.socket | None) -> DrainingServer:
    app = create_app(settings, use_cases)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=server_log_config(settings.log_format, settings.log_level),
        access_log=False,
        server_header=False,
        root_path=settings.root_path,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    state = ServerState(settings.max_connections, settings.max_body_bytes, app.state.metrics)
    return DrainingServer(config, app, state, settings.drain_seconds, supervisor)


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which also closes slow connections and drains before it stops. After SIGTERM `/readyz` fails,
    responses close their connections, and everything else continues for `drain_seconds`, until load balancers have
    noticed. SIGINT and a second signal skip that. A worker receives its connections from its
    `supervisor`.
    """

    server_state: ServerState

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, state: ServerState, drain_seconds: float,
        supervisor: socket.socket | None = None,
    ) -> None:  # fmt: skip
        super().__init__(config)
        self.server_state, self._app, self._drain_seconds, self._supervisor = state, app, drain_seconds, supervisor
        self._opening: set[asyncio.Task[None]] = set()

    def handle_exit(self, sig: int, frame: FrameType | None = None) -> None:
        """Begin to stop."""
        if sig != signal.SIGTERM or self.should_exit:
            self._drain_seconds = 0
        self.server_state.draining = self._app.state.draining = True
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        self._sweeping = asyncio.create_task(self._sweep())
        if self._supervisor is not None:
            self._supervisor.setblocking(False)
            asyncio.get_running_loop().add_reader(self._supervisor, self._receive, self._supervisor)
            with suppress(OSError):  # the supervisor is gone
                self._supervisor.send(b"\0")

    def _receive(self, supervisor: socket.socket) -> None:
        """Serve a connection from the supervisor, or stop with it."""
        try:
            message, files, *_ = socket.recv_fds(supervisor, 1, 1)
        except BlockingIOError:
            return
        if files:
            opening = asyncio.create_task(self._open(socket.socket(fileno=files[0])))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
            return
        if not message:  # the supervisor is gone, or receiving was stopped
            asyncio.get_running_loop().remove_reader(supervisor)
        if not self.should_exit:
            self.handle_exit(message[0] if message else signal.SIGTERM)

    async def _open(self, client: socket.socket) -> None:
        with suppress(OSError):  # the client is gone
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self.config, self.server_state, {}), client
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop after requests in progress have got their responses."""
        ticks = 0
        while ticks * TICK_SECONDS < self._drain_seconds:
            await self.on_tick(ticks)  # updates the `Date` header
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
        if self._supervisor is not None:
            with suppress(OSError):
                self._supervisor.shutdown(socket.SHUT_RD)
        await super().shutdown(sockets)
        self._sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeping

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, Connection)  # noqa: S101  # as it is configured
                connection.check_time(now)


def _print_banner(settings: Settings, listener: socket.socket) -> None:
    print(_banner(settings, listener), file=sys.stderr, flush=True)  # noqa: T201  # to whoever started it


def _banner(settings: Settings, listener: socket.socket) -> str:
    host = "localhost" if settings.host in ALL_INTERFACES else settings.host
    host = f"[{host}]" if ":" in host else host
    store = re.sub(r"(?<=//)[^/@]*@", "", settings.store)
    methods = [METHODS[each].format(issuer=settings.jwt_issuer) for each in METHODS if each in settings.authentication]
    return BANNER.format(
        store=visible(store),
        url=f"http://{host}:{listener.getsockname()[1]}",
        token=' -H "Authorization: Bearer $TOKEN"' if methods else "",
        access=f"with {' or '.join(methods)}" if methods else LOCAL_ACCESS,
    )


if __name__ == "__main__":
    _work()
