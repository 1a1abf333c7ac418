"""The keys of an OpenID provider: a JWKS fetched over TLS, cached with background refresh and throttled refetch."""

import asyncio
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry
from joserfc.util import base64_to_int
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from orderkeep.application.access.loopback import is_loopback
from orderkeep.application.errors import AuthenticationUnavailable
from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.infrastructure.openid.provider import OpenIdProvider

MAX_BYTES = 262_144
FETCH_SECONDS = 5.0
"""From the first packet to the last byte."""

STEP_SECONDS = 2.0
"""To connect, and between two bytes."""

MAX_KEYS = 100
RSA_BITS, RSA_EXPONENTS = range(2_048, 4_097), range(65_537, 2**32 + 1)
"""Shorter keys can be broken (NIST SP 800-131A); a longer one takes a millisecond for each token sent."""

FRESH_SECONDS, MAX_AGE_SECONDS = 300, 86_400
"""The age at which keys are refreshed in the background, and at which they are no longer used in an outage."""

RETRY_SECONDS, FIRST_RETRY_SECONDS = 30, 5
"""The minimum time between two fetches, whatever key ids clients send; the second while there are no keys."""

UNAVAILABLE = "the keys of the OpenID provider are not available"

Fetch = Callable[[str], bytes]

log = logging.getLogger("orderkeep.openid")


class FetchFailed(Exception):
    """A document of the provider cannot be fetched or used. The message says why."""


class ProviderKeys:
    """The keys of a JWKS that may verify tokens: a key set of joserfc's for each algorithm."""

    def __init__(self, jwks: bytes, algorithms: tuple[str, ...]) -> None:
        """Import the keys; those that are unusable are ignored (RFC 7517, section 5). Raises `FetchFailed`."""
        described = _document(jwks).get("keys")
        if not isinstance(described, list) or len(described) > MAX_KEYS:
            raise FetchFailed(f"not a JWKS of at most {MAX_KEYS} keys")
        keys = [key for each in described if (key := _imported(each))]
        self.jwks = jwks
        self._sets = {
            name: KeySet([key for key in keys if JWSRegistry.filter_algorithms(key, [name])]) for name in algorithms
        }
        if not any(self._sets.values()):
            log.warning("the OpenID provider has no usable key", extra={"reason": f"for {' '.join(algorithms)}"})

    def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """Return the first key with that id; without an id, the only key for the algorithm."""
        try:
            return self._sets[algorithm].get_by_kid(key_id)
        except JoseError:
            return None


def _imported(described: Any) -> Key | None:
    """Return a public key, unless it is weak or its private half is published."""
    try:
        return None if "d" in described or not _is_strong(described) else JWKRegistry.import_key(described)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _is_strong(described: dict[str, Any]) -> bool:
    match described["kty"]:
        case "RSA":
            modulus, exponent = (base64_to_int(described[name]) for name in ("n", "e"))
            return modulus.bit_length() in RSA_BITS and exponent in RSA_EXPONENTS
        case "OKP":
            return bool(described["crv"] == "Ed25519")  # the algorithm EdDSA does not name a curve
        case kind:
            return bool(kind == "EC")  # not oct: a published secret is none


def load_keys(provider: OpenIdProvider, fetch: Fetch) -> ProviderKeys:
    """Fetch the provider's keys, from the URL in its discovery document if none is configured. Blocks."""
    return ProviderKeys(fetch(provider.jwks_url or _discovered(provider, fetch)), provider.algorithms)


def _discovered(provider: OpenIdProvider, fetch: Fetch) -> str:
    document = _document(fetch(provider.discovery_url))
    url = document.get("jwks_uri")
    if document.get("issuer") != provider.issuer or not isinstance(url, str):
        raise FetchFailed("its discovery document has another issuer, or no jwks_uri")
    if not url.startswith("https://") and not provider.issuer.startswith("http:"):
        raise FetchFailed("its discovery document has a jwks_uri without https")
    return url


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = read_json(body)
    except InvalidJSON as error:
        raise FetchFailed(f"its document {error}") from None
    if not isinstance(found, dict):
        raise FetchFailed("its document is not a JSON object")
    return found


def fetch_document(url: str, *, tls: ssl.SSLContext | None = None, seconds: float = FETCH_SECONDS) -> bytes:
    """Return the document at a URL; blocks for `seconds` at most. Raises `FetchFailed`, also for redirects."""
    until = time.monotonic() + seconds
    try:
        return _fetched(url, tls, until, min(STEP_SECONDS, seconds))
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise FetchFailed("timeout" if time.monotonic() >= until else type(error).__name__) from error


def _fetched(url: str, tls: ssl.SSLContext | None, until: float, step: float) -> bytes:
    parts = urlsplit(url)
    host = parts.hostname or ""
    # A connection of urllib3's, not a pool: it follows no redirect, does not retry, and uses no proxy.
    if parts.scheme == "http" and is_loopback(host):
        connection = HTTPConnection(host, parts.port, timeout=step)
    elif parts.scheme == "https":
        tls = tls or ssl.create_default_context()
        connection = HTTPSConnection(host, parts.port, timeout=step, ssl_context=tls)
    else:
        raise FetchFailed("its URL is not https")
    try:
        connection.connect()
        with _closed_at(until, connection.sock):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "orderkeep"}
            connection.request("GET", target, headers=headers, preload_content=False, decode_content=False)
            with connection.getresponse() as response:
                return _body_of(response, until)
    finally:
        connection.close()


def _body_of(response: HTTPResponse, until: float) -> bytes:
    if response.status != 200:
        raise FetchFailed(f"status {response.status}")
    body = b""
    while piece := response.read1(65_536):
        body += piece
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"larger than {MAX_BYTES:,} bytes")
    if time.monotonic() >= until:
        raise TimeoutError
    return body


@contextmanager
def _closed_at(until: float, sock: socket.socket | None) -> Iterator[None]:
    """Shut the connection down at a time: a server that sends a byte now and then resets every other timeout."""

    def shut_down() -> None:
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class KeyCache:
    """Caches keys for one event loop. `load` blocks, and runs in a thread; `clock` is monotonic."""

    def __init__(self, load: Callable[[], ProviderKeys], clock: Callable[[], float]) -> None:
        self._load, self._clock = load, clock
        self.keys: ProviderKeys | None = None
        """The keys of the last successful fetch, however old."""

        self._loaded_at = self._tried_at = float("-inf")
        self._failed = False
        self._refresh: asyncio.Task[None] | None = None

    async def current(self) -> ProviderKeys:
        """Return the keys, and refresh them in the background if they are old. Raises `AuthenticationUnavailable`."""
        if self.keys is None or self._age() > MAX_AGE_SECONDS:
            await self._refreshed()
        elif self._age() > FRESH_SECONDS:
            self._start_refresh()
        if self.keys is None or self._age() > MAX_AGE_SECONDS:
            raise AuthenticationUnavailable(UNAVAILABLE)
        return self.keys

    async def find(self, key_id: str | None, algorithm: str) -> tuple[Key | None, ProviderKeys]:
        """Return a key and its set. An unknown id may be new, so the keys are fetched again unless that was tried just
        now. Raises `AuthenticationUnavailable` if the provider cannot be reached.
        """
        keys = await self.current()
        if (key := keys.find(key_id, algorithm)) is None:
            await self._refreshed()
            keys = await self.current()
            key = keys.find(key_id, algorithm)
            if key is None and self._failed:
                raise AuthenticationUnavailable(UNAVAILABLE)
        return key, keys

    async def close(self) -> None:
        """Cancel a fetch in progress."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])

    def _age(self) -> float:
        return self._clock() - self._loaded_at

    async def _refreshed(self) -> None:
        self._start_refresh()
        if self._refresh is not None:
            await asyncio.shield(self._refresh)  # a caller that is cancelled leaves it to the others

    def _start_refresh(self) -> None:
        if self._refresh is not None and not self._refresh.done():
            return
        if self._clock() - self._tried_at >= (FIRST_RETRY_SECONDS if self.keys is None else RETRY_SECONDS):
            self._tried_at = self._clock()
            self._refresh = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS * 3):  # two documents, and a slow name server
                keys = await _in_daemon_thread(self._load)
        except (FetchFailed, TimeoutError) as error:
            self._failed = True
            log.warning("the keys of the OpenID provider are not available", extra={"reason": str(error) or "timeout"})
            return
        self._failed, self._loaded_at = False, self._clock()
        if self.keys is None or self.keys.jwks != keys.jwks:
            self.keys = keys


async def _in_daemon_thread(load: Callable[[], ProviderKeys]) -> ProviderKeys:
    """Return the result of a call. The process can exit while a daemon thread waits for a provider that hangs."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[ProviderKeys | FetchFailed] = loop.create_future()

    def settle(outcome: ProviderKeys | FetchFailed) -> None:
        if not result.done():
            result.set_result(outcome)

    def run() -> None:
        try:
            outcome: ProviderKeys | FetchFailed = load()
        except FetchFailed as error:
            outcome = error
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="orderkeep-openid-keys", daemon=True).start()
    outcome = await result
    if isinstance(outcome, FetchFailed):
        raise outcome
    return outcome
