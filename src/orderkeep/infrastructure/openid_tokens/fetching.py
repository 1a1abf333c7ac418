"""One document of the provider, over TLS: whole within seconds, no larger than it may be, and from nowhere else."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from urllib.parse import urlsplit

try:
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError
    from urllib3.response import HTTPResponse
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tokens of an OpenID provider need the extra jwt: pip install 'orderkeep[jwt]'"
    ) from error

MAX_BYTES = 262_144
SECONDS = 5.0
"""From the first packet to the last byte."""

STEP_SECONDS = 2.0
"""To connect, and between two bytes."""

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "orderkeep"}


class FetchFailed(Exception):
    """The document cannot be had. The text says why."""


def fetch(url: str, *, tls: ssl.SSLContext | None = None, seconds: float = SECONDS) -> bytes:
    """Return the document at the URL; blocks for `seconds` at most. Raises `FetchFailed`: a redirect is one too."""
    until = time.monotonic() + seconds
    try:
        return _fetched(url, tls, until, min(STEP_SECONDS, seconds))
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        is_late = time.monotonic() >= until
        raise FetchFailed("it does not answer in time" if is_late else type(error).__name__) from error


def _fetched(url: str, tls: ssl.SSLContext | None, until: float, step: float) -> bytes:
    parts = urlsplit(url)
    # A connection of urllib3's, not a pool: it follows no redirect, tries once, and knows no proxy.
    connection: HTTPConnection = (
        HTTPSConnection(parts.hostname or "", parts.port, timeout=step, ssl_context=tls or ssl.create_default_context())
        if parts.scheme == "https"
        else HTTPConnection(parts.hostname or "", parts.port, timeout=step)
    )
    try:
        connection.connect()
        with _cut_at(until, connection.sock):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers=HEADERS, preload_content=False, decode_content=False)
            with connection.getresponse() as response:
                return _body_of(response, until)
    finally:
        connection.close()


def _body_of(response: HTTPResponse, until: float) -> bytes:
    if response.status != 200:
        raise FetchFailed(f"it answers {response.status}")
    body = b""
    while piece := response.read1(65_536):
        body += piece
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"it is larger than {MAX_BYTES:,} bytes")
    if time.monotonic() >= until:
        raise TimeoutError
    return body


@contextmanager
def _cut_at(until: float, sock: socket.socket | None) -> Iterator[None]:
    """End the connection when its time is over: a byte now and then would keep it open for ever."""

    def cut() -> None:
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
