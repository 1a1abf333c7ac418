"""The HTTP server: one process on one port, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import socket
import sys
from functools import partial
from typing import NoReturn, cast

import uvicorn

from orderkeep.application.access.loopback import is_loopback
from orderkeep.bootstrap import UseCases, bootstrap_from_settings
from orderkeep.bootstrap.access import AuthenticationNotInstalled
from orderkeep.bootstrap.documents import InvalidDocumentsURL
from orderkeep.bootstrap.stores import InvalidStoreURL
from orderkeep.config import Settings
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.http1 import Connection, DrainingServer, Traffic
from orderkeep.entrypoints.api.http1.bounds import KEEP_ALIVE_SECONDS
from orderkeep.entrypoints.log_lines import visible
from orderkeep.entrypoints.log_setup import let_only_lines_speak, logging_of_server

USAGE, STORE_UNAVAILABLE = 2, 7
"""Exit codes, the same as those of the other commands."""

EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, not listened on

BANNER = """\
orderkeep keeps orders in {store}
  read and try the API:  {url}/docs
  place an order:        curl {url}/orders -H 'Content-Type: application/json'{token} \\
                           -d '{{"user_id": "user-42", "total": 9900, "currency": "EUR"}}'
  who may ask:           {who}
  stop:                  Ctrl+C
"""

OPEN = "everybody on this machine, for everything, and nobody else; ORDERKEEP_AUTH changes that"
WAYS = {"keys": "an API key (`orderkeep keys create`)", "jwt": "a token of {issuer}"}


def serve(settings: Settings) -> None:
    """Serve until a signal ends it; requests under way are finished. Exits with 2 where the store's URL, the port or
    the way to show who asks cannot be used, and with 7 where the store cannot be opened.
    """
    _refuse_to_be_open(settings)
    listener = _listen(settings.host, settings.port)
    loop_factory = uvicorn.Config("", log_config=None).get_loop_factory()
    with listener, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    use_cases = _open(settings)
    try:
        server = _server(settings, use_cases)
        let_only_lines_speak()
        gc.collect()
        gc.freeze()
        print(_banner(settings, listener), file=sys.stderr, flush=True)  # noqa: T201  # to whoever started it
        # uvicorn takes these signals over, and hands them on when it is done: the store is to be closed after that.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        await server.serve(sockets=[listener])
    finally:
        await use_cases.close()


def _refuse_to_be_open(settings: Settings) -> None:
    if settings.authentication == {"authorizer"}:
        _leave(
            "ORDERKEEP_AUTH=authorizer is for Lambda, where API Gateway tells who asks: set it to keys or jwt", USAGE
        )
    if not settings.authentication and not is_loopback(settings.host):
        _leave(
            f"will not listen on {settings.host} while nobody need show who they are: set ORDERKEEP_AUTH=keys and make "
            "a key with `orderkeep keys create`, or listen on 127.0.0.1",
            USAGE,
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        _leave(f"cannot listen on {host} port {port}: {reason or error}", USAGE)


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


def _server(settings: Settings, use_cases: UseCases) -> DrainingServer:
    app = create_app(settings, use_cases)
    traffic = Traffic(settings.max_connections, settings.max_body_bytes, app.state.metrics)
    config = uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", partial(Connection, traffic)),
        ws="none",
        lifespan="off",
        log_config=logging_of_server(settings.log_format, settings.log_level),
        access_log=False,
        server_header=False,
        root_path=settings.root_path,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    return DrainingServer(config, app, traffic, settings.drain_seconds)


def _banner(settings: Settings, listener: socket.socket) -> str:
    host = "localhost" if settings.host in EVERYWHERE else settings.host
    host = f"[{host}]" if ":" in host else host
    store = re.sub(r"(?<=//)[^/@]*@", "", settings.store)
    ways = [WAYS[way].format(issuer=settings.jwt_issuer) for way in WAYS if way in settings.authentication]
    return BANNER.format(
        store=visible(store),
        url=f"http://{host}:{listener.getsockname()[1]}",
        token=' -H "Authorization: Bearer $TOKEN"' if ways else "",
        who=f"whoever has {' or '.join(ways)}" if ways else OPEN,
    )
