"""The HTTP server: one process, or several workers, on one port until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import logging
import logging.config
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from orderkeep.application.access.loopback import is_loopback
from orderkeep.bootstrap import UseCases, bootstrap_from_settings, check_store
from orderkeep.bootstrap.documents import InvalidDocumentsURL, end_process_after
from orderkeep.bootstrap.events import InvalidEventsURL
from orderkeep.bootstrap.store_copy import open_movable_store
from orderkeep.bootstrap.stores import ExtraNotInstalled, InvalidStoreURL
from orderkeep.config import Settings, masked
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.http1 import Connection, ServerState
from orderkeep.entrypoints.api.http1.limits import SWEEP_SECONDS
from orderkeep.entrypoints.api.workers import Supervisor, drop_new_connections
from orderkeep.entrypoints.console import mount_console
from orderkeep.entrypoints.logs import install_log_hooks, server_log_config, visible
from orderkeep.entrypoints.relay import RELEASE_SECONDS, Relay

log = logging.getLogger("orderkeep.server")

USAGE, STORE_UNAVAILABLE, TOO_LATE = 2, 7, 1
"""Exit codes, the same as those of the other commands; `TOO_LATE` of a process that did not end by itself."""

ALL_INTERFACES = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, not listened on

WAITING = """\
orderkeep cannot use the store {store}: {reason}
  API and documentation:  {url}/docs
  Requests for orders get 503 until the store is available. It is checked every {seconds} seconds.
"""
RETRY_SECONDS = 2

END_SECONDS = 1.0
"""How long the process may take to end after `drain_seconds` and `shutdown_seconds`."""

CLOSE_SECONDS = 0.5
"""How long stores may take to close at least."""

ARRIVAL_SECONDS = 0.25
"""How long the server waits for the requests of the connections that it accepted last."""

BANNER = """\
orderkeep serves the orders in {store}
  open in a browser:      {url}/
  API and documentation:  {url}/docs
{create}  place an order:         curl {url}/orders -H 'Content-Type: application/json'{token} \\
                            -d '{{"user_id": "user-42", "total": 9900, "currency": "EUR"}}'
  access:                 {access}
  stop:                   Ctrl+C
"""

LOCAL_ACCESS = "localhost only, without authentication; set ORDERKEEP_AUTH to enable it"
CREATE_KEY = """\
  create an API key:      export KEY=$(orderkeep keys create --name NAME --scope orders:read --scope orders:write)
"""
METHODS = {"keys": "an API key (`orderkeep keys create`)", "jwt": "a token of {issuer}"}


def serve(settings: Settings) -> None:
    """Serve until a signal. Exits with 2 if a setting cannot be used, and with 7 if the store cannot be opened."""
    _check(settings)
    if "access_log" not in settings.model_fields_set and sys.stderr.isatty():
        settings = settings.model_copy(update={"access_log": True})
    with _listen(settings.host, settings.port) as listener:
        if settings.workers > 1 and (code := asyncio.run(_supervise(settings, listener))):
            raise SystemExit(code)
        if settings.workers == 1:
            _run(settings, listener=listener)
    _say_on_terminal("orderkeep stopped")


async def _supervise(settings: Settings, listener: socket.socket) -> int:
    logging.config.dictConfig(server_log_config(settings.log_format, settings.log_level))
    install_log_hooks()
    os.environ |= {f"ORDERKEEP_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    command = [sys.executable, "-m", "orderkeep.entrypoints.api.server"]
    announcing: list[asyncio.Task[None]] = []

    def on_ready() -> None:
        announcing.append(asyncio.create_task(_check_and_announce(settings, listener)))

    ends = settings.drain_seconds + settings.shutdown_seconds + 2 * END_SECONDS
    return await Supervisor(command, listener, settings.workers, settings.drain_seconds, ends, on_ready).run()


async def _check_and_announce(settings: Settings, listener: socket.socket) -> None:
    store = open_movable_store(settings.store, settings.moved_to, auto_migrate=settings.auto_migrate)
    try:
        await _announce(settings, listener, partial(check_store, store))
    finally:
        await _close(store.close, CLOSE_SECONDS)


def _work() -> None:
    """Serve as a worker of a supervisor, to which standard input is connected."""
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as supervisor:
        _run(Settings(), supervisor=supervisor)


def _run(settings: Settings, listener: socket.socket | None = None, supervisor: socket.socket | None = None) -> None:
    loop_factory = uvicorn.Config("", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(settings, listener, supervisor))


async def _serve(settings: Settings, listener: socket.socket | None, supervisor: socket.socket | None) -> None:
    use_cases, announcing, server = _open(settings), None, None
    relay, starting = None, None
    try:
        app = create_app(settings, use_cases)
        mount_console(app)
        relay = Relay(use_cases, app.state.metrics, lambda: app.shell.active) if settings.relay else None

        def end_within(seconds: float) -> None:
            _end_within(seconds)
            if relay is not None:
                relay.stop_soon()

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
        server = DrainingServer(config, app, state, settings, supervisor, end_within, use_cases.stop_waiting)
        install_log_hooks()
        gc.collect()
        gc.freeze()
        gc.set_threshold(5_000)  # orders have no cycles, but those of 32 requests are more than the usual 700 objects
        if listener is not None:
            announcing = asyncio.create_task(_announce(settings, listener, use_cases.check_store))
        # uvicorn handles these signals and raises them again at its end, before the store is closed.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        if relay is not None:
            starting = asyncio.create_task(relay.start_when_available(use_cases.check_store))
        await server.serve(sockets=[] if listener is None else [listener])
    finally:
        for task in (announcing, starting):
            if task is not None:
                task.cancel()
        if relay is not None and server is not None:
            await relay.stop(max(0.0, server.seconds_to_close - CLOSE_SECONDS - RELEASE_SECONDS))
        await _close(use_cases.close, CLOSE_SECONDS if server is None else server.seconds_to_close)


async def _close(close: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Close a store. One that hangs is left open: what it acknowledged is durable."""
    closing = asyncio.ensure_future(close())
    await asyncio.wait([closing], timeout=seconds)
    if closing.done():
        closing.result()
    else:
        closing.cancel()
        log.error("the store could not be closed in time", extra={"reason": f"{seconds:.1f} s"})


def _end_within(seconds: float) -> None:
    """End the process after this time, whatever it waits for: a thread, a call, or the interpreter's own end."""

    def end() -> None:
        log.error("the process did not end in time and was ended")
        os._exit(TOO_LATE)

    watchdog = threading.Timer(seconds, end)
    watchdog.daemon = True
    watchdog.start()


def _check(settings: Settings) -> None:
    if settings.authentication == {"authorizer"}:
        _leave("ORDERKEEP_AUTH=authorizer needs API Gateway in front of Lambda: set it to keys or jwt")
    if not settings.authentication and not is_loopback(settings.host):
        _leave(
            f"refusing to listen on {settings.host} without authentication: set ORDERKEEP_AUTH=keys and create a key "
            "with `orderkeep keys create`, or listen on 127.0.0.1"
        )
    if settings.workers == 1:
        return
    if sys.platform == "win32":
        _leave("several workers are not supported on Windows: set ORDERKEEP_WORKERS=1")
    for name, url in (("store", settings.store), ("documents", settings.documents)):
        if url.startswith("memory:"):
            _leave(
                f"{settings.workers} workers cannot share {name} in memory: set ORDERKEEP_{name.upper()} to a URL that "
                "all processes can open, or ORDERKEEP_WORKERS=1"
            )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        way_out = "use another --port (with make: PORT=8001) or --host"
        _leave(f"cannot listen on {host} port {port}: {reason or error}; {way_out}")


def _open(settings: Settings) -> UseCases:
    try:
        return bootstrap_from_settings(settings)
    except (InvalidStoreURL, InvalidDocumentsURL, InvalidEventsURL, ExtraNotInstalled) as error:
        _leave(str(error))
    except StoreUnavailable as error:
        _leave(f"the store cannot be opened: {error}", STORE_UNAVAILABLE)


def _leave(message: str, code: int = USAGE) -> NoReturn:
    _say(f"orderkeep: {visible(message)}")
    raise SystemExit(code)


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which also closes slow connections and drains before it stops. After SIGTERM `/readyz` fails,
    responses close their connections, and everything else continues for `drain_seconds`, until load balancers have
    noticed. SIGINT and a second signal skip that. A worker receives its connections from its `supervisor`.

    The end has one deadline, `END_SECONDS` after draining and `shutdown_seconds`: `on_end` gets the seconds until then.
    `on_drain` is called with the first signal.
    """

    server_state: ServerState

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, state: ServerState, settings: Settings,
        supervisor: socket.socket | None = None, on_end: Callable[[float], None] = lambda _: None,
        on_drain: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        super().__init__(config)
        self.server_state, self._app, self._settings, self._supervisor = state, app, settings, supervisor
        self._drained_at, self._ends_at, self._on_end, self._on_drain = 0.0, 0.0, on_end, on_drain

    def handle_exit(self, sig: int, frame: FrameType | None = None) -> None:
        drains = sig == signal.SIGTERM and not self.should_exit
        now = time.monotonic()
        self._drained_at = now + (self._settings.drain_seconds if drains else 0)
        if not self._ends_at:
            self._ends_at = self._drained_at + self._settings.shutdown_seconds + END_SECONDS
            self._on_end(self._ends_at - now)
            if self._supervisor is None:
                seconds = self._drained_at + self._settings.shutdown_seconds - now
                message = f"orderkeep is stopping: requests in progress have up to {seconds:.0f} s"
                asyncio.get_running_loop().call_soon_threadsafe(_say_on_terminal, message)
        self.server_state.draining = self._app.state.draining = True
        asyncio.get_running_loop().call_soon_threadsafe(self._on_drain)
        super().handle_exit(sig, frame)

    @property
    def seconds_to_close(self) -> float:
        """How long stores may take to close: until half a second before the deadline."""
        return max(CLOSE_SECONDS, self._ends_at - CLOSE_SECONDS - time.monotonic())

    async def on_tick(self, counter: int) -> bool:
        """Update the `Date` header; return whether to stop now."""
        return await super().on_tick(counter) and time.monotonic() >= self._drained_at

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._background = [asyncio.create_task(self._sweep())]
        if self._supervisor is not None:
            self._background.append(asyncio.create_task(self._receive(self._supervisor)))

    async def _receive(self, supervisor: socket.socket) -> None:
        """Serve the connections that the supervisor passes, until it sends the number of a signal or is gone."""
        loop, arrived, message = asyncio.get_running_loop(), asyncio.Event(), b"\0"
        supervisor.setblocking(False)
        loop.add_reader(supervisor, arrived.set)
        with suppress(OSError):  # the supervisor is gone
            supervisor.send(b"\0")
        while message:
            try:
                message, files, *_ = socket.recv_fds(supervisor, 1, 1)
            except BlockingIOError:
                arrived.clear()
                await arrived.wait()
                continue
            except ConnectionError:  # the supervisor was killed
                message, files = b"", []
            if files:
                await self._connect(socket.socket(fileno=files[0]))
            elif message != b"\0" and not self.should_exit:  # a 0 alone: this process can open no more files
                self.handle_exit(message[0] if message else signal.SIGTERM)
        loop.remove_reader(supervisor)

    async def _connect(self, accepted: socket.socket) -> None:
        with suppress(OSError):  # the client is gone
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self.config, self.server_state, {}), accepted
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop after requests that have arrived have got their responses. A connection that is closed before it is
        accepted, or with unread bytes, would be reset.
        """
        accepted = [connection for listener in sockets or [] for connection in _accept_waiting(listener)]
        for server in self.servers:
            server.close()
        for connection in accepted:
            await self._connect(connection)
        await asyncio.sleep(ARRIVAL_SECONDS)
        if self._ends_at:
            left = max(0.0, self._ends_at - END_SECONDS - time.monotonic())
            self.config.timeout_graceful_shutdown = min(self._settings.shutdown_seconds, left)  # type: ignore[assignment]
        if self._supervisor is not None:
            with suppress(OSError):
                self._supervisor.shutdown(socket.SHUT_RD)
        await super().shutdown(sockets)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, Connection)  # noqa: S101  # as it is configured
                connection.check_time(now)


def _accept_waiting(listener: socket.socket) -> Iterator[socket.socket]:
    drop_new_connections(listener)
    with suppress(OSError):  # none is waiting
        while True:
            yield listener.accept()[0]


async def _announce(settings: Settings, listener: socket.socket, check: Callable[[], Awaitable[None]]) -> None:
    """Print the banner when the store is available, and until then why it is not."""
    host = "localhost" if settings.host in ALL_INTERFACES else settings.host
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{listener.getsockname()[1]}"
    store = visible(re.sub(r"(?<=//)[^/@?]*@", "", str(masked(settings.store))))
    reason = ""
    while (found := await _unavailable(check)) is not None:
        if found != reason:
            reason = found
            _say(WAITING.format(store=store, reason=visible(reason), url=url, seconds=RETRY_SECONDS))
        await asyncio.sleep(RETRY_SECONDS)
    methods = [METHODS[each].format(issuer=settings.jwt_issuer) for each in METHODS if each in settings.authentication]
    has_keys = "keys" in settings.authentication
    banner = BANNER.format(
        store=store,
        url=url,
        create=CREATE_KEY if has_keys else "",
        token=f' -H "Authorization: Bearer {"$KEY" if has_keys else "$TOKEN"}"' if methods else "",
        access=f"with {' or '.join(methods)}" if methods else LOCAL_ACCESS,
    )
    _say(banner)


async def _unavailable(check: Callable[[], Awaitable[None]]) -> str | None:
    try:
        await check()
    except StoreUnavailable as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # its message may contain data
        return f"internal error ({type(error).__name__})"
    return None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # for the operator


def _say_on_terminal(text: str) -> None:
    """Print for a person, and not among the log lines in a file."""
    if sys.stderr.isatty():
        _say(text)


if __name__ == "__main__":
    end_process_after(_work)
