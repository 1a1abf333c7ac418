"""The keys of an OpenID provider: a JWKS fetched over TLS, cached with background refresh and throttled refetch."""

import asyncio
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry
from joserfc.util import base64_to_int
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from orderkeep.application.access.loopback import is_loopback
from orderkeep.application.errors import AuthenticationUnavailable
from orderkeep.application.strict_json import InvalidJSON
from orderkeep.infrastructure.openid.provider import OpenIdProvider, read_object

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

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "orderkeep"}

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProviderKeys) and self.jwks == other.jwks

    def __hash__(self) -> int:
        return hash(self.jwks)

    def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """Return the first key with that id; without an id, the only key for the algorithm."""
        try:
            return self._sets[algorithm].get_by_kid(key_id)
        except JoseError:
            return None


def _imported(described: Any) -> Key | None:
    """Return a public key, unless it is weak or its private half is published."""
    try:
        match described["kty"]:
            case "RSA":
                modulus, exponent = base64_to_int(described["n"]), base64_to_int(described["e"])
                strong = modulus.bit_length() in RSA_BITS and exponent in RSA_EXPONENTS
            case "OKP":
                strong = described["crv"] == "Ed25519"  # the algorithm EdDSA does not name a curve
            case kind:
                strong = kind == "EC"  # not oct: a published key is not a secret
        return JWKRegistry.import_key(described) if strong and "d" not in described else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def load_keys(provider: OpenIdProvider, fetch: Fetch) -> ProviderKeys:
    """Fetch the provider's keys, from the URL in its discovery document if none is configured. Blocks."""
    url = provider.jwks_url or endpoint_in(discovery_document(provider, fetch), "jwks_uri", provider)
    return ProviderKeys(fetch(url), provider.algorithms)


def discovery_document(provider: OpenIdProvider, fetch: Fetch) -> dict[str, Any]:
    """Fetch the discovery document. Raises `FetchFailed` if it is that of another issuer. Blocks."""
    document = _document(fetch(provider.discovery_url))
    if document.get("issuer") != provider.issuer:
        raise FetchFailed("its discovery document has another issuer")
    return document


def endpoint_in(document: dict[str, Any], name: str, provider: OpenIdProvider) -> str:
    """Return a URL in the discovery document. Raises `FetchFailed` if it is missing or not https."""
    url = document.get(name)
    if not url or not isinstance(url, str):
        raise FetchFailed(f"its discovery document has no {name}")
    if not url.startswith("https://") and not provider.issuer.startswith("http:"):
        raise FetchFailed(f"its discovery document has a {name} without https")
    return url


def _document(body: bytes) -> dict[str, Any]:
    try:
        return read_object(body)
    except InvalidJSON as error:
        raise FetchFailed(f"its document {error}") from None


def fetch_document(url: str, *, tls: ssl.SSLContext | None = None, seconds: float = FETCH_SECONDS) -> bytes:
    """Return the document at a URL; blocks for `seconds` at most. Raises `FetchFailed`, also for redirects."""
    status, body = exchange(url, tls=tls, seconds=seconds)
    if status != HTTPStatus.OK:
        raise FetchFailed(f"status {status}")
    return body


def exchange(
    url: str,
    form: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    seconds: float = FETCH_SECONDS,
) -> tuple[int, bytes]:
    """Return the status and the body of the response to GET, or to POST of a form; blocks for `seconds` at most. Raises
    `FetchFailed`. Redirects are not followed.
    """
    until = time.monotonic() + seconds
    try:
        connection, target = _connection(url, tls, min(STEP_SECONDS, seconds))
        with ExitStack() as stack:
            stack.callback(connection.close)
            connection.connect()
            # Shut down at the deadline: a server that sends a byte now and then resets other timeouts.
            timer = threading.Timer(until - time.monotonic(), _shut_down, [connection.sock])
            timer.daemon = True
            timer.start()
            stack.callback(timer.cancel)
            method, sent = ("GET", HEADERS) if form is None else ("POST", {**HEADERS, **FORM, **(headers or {})})
            connection.request(method, target, form, sent, preload_content=False, decode_content=False)
            response = stack.enter_context(connection.getresponse())
            body = b""
            while len(body) <= MAX_BYTES and (piece := response.read1(65_536)):
                body += piece
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"larger than {MAX_BYTES:,} bytes")
        if time.monotonic() >= until:
            raise TimeoutError
        return response.status, body
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise FetchFailed("timeout" if time.monotonic() >= until else type(error).__name__) from error


def _connection(url: str, tls: ssl.SSLContext | None, step: float) -> tuple[HTTPConnection, str]:
    # A connection of urllib3's, not a pool: it follows no redirect, does not retry, and uses no proxy.
    parts = urlsplit(url)
    host, target = parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "http" and is_loopback(host):
        return HTTPConnection(host, parts.port, timeout=step), target
    if parts.scheme == "https":
        tls = tls or ssl.create_default_context()
        return HTTPSConnection(host, parts.port, timeout=step, ssl_context=tls), target
    raise FetchFailed("its URL is not https")


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


Loaded = TypeVar("Loaded")


class ProviderCache(Generic[Loaded]):
    """Caches what the provider publishes, for one event loop. `load` blocks, and runs in a thread; `clock` is
    monotonic; `what` names it in the log and in errors.
    """

    def __init__(self, what: str, load: Callable[[], Loaded], clock: Callable[[], float]) -> None:
        self._what, self._load, self._clock = what, load, clock
        self._loaded: Loaded | None = None
        self._loaded_at = self._tried_at = float("-inf")
        self._failed = False
        self._refresh: asyncio.Task[None] | None = None

    async def current(self) -> Loaded:
        """Return it, and refresh it in the background if it is old. Raises `AuthenticationUnavailable`."""
        if self._age() > MAX_AGE_SECONDS:
            await self._refreshed()
        elif self._age() > FRESH_SECONDS:
            self._start_refresh()
        if self._loaded is None or self._age() > MAX_AGE_SECONDS:
            raise self._unavailable()
        return self._loaded

    async def close(self) -> None:
        """Cancel a fetch in progress."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])

    def _unavailable(self) -> AuthenticationUnavailable:
        return AuthenticationUnavailable(f"{self._what} of the OpenID provider are not available")

    def _age(self) -> float:
        return self._clock() - self._loaded_at

    async def _refreshed(self) -> None:
        self._start_refresh()
        if self._refresh is not None:
            await asyncio.shield(self._refresh)  # a caller that is cancelled leaves it to the others

    def _start_refresh(self) -> None:
        if self._refresh is not None and not self._refresh.done():
            return
        if self._clock() - self._tried_at >= (FIRST_RETRY_SECONDS if self._loaded is None else RETRY_SECONDS):
            self._tried_at = self._clock()
            self._refresh = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS * 3):  # two documents, and a slow name server
                loaded = await in_daemon_thread(self._load)
        except (FetchFailed, TimeoutError) as error:
            self._failed = True
            reason = f"{self._what}: {str(error) or 'timeout'}"
            log.warning("the OpenID provider is not available", extra={"reason": reason})
            return
        self._failed, self._loaded_at = False, self._clock()
        if self._loaded != loaded:
            self._loaded = loaded


class KeyCache(ProviderCache[ProviderKeys]):
    """Caches the keys."""

    def __init__(self, load: Callable[[], ProviderKeys], clock: Callable[[], float]) -> None:
        super().__init__("the keys", load, clock)

    async def find(self, key_id: str | None, algorithm: str) -> tuple[Key | None, ProviderKeys]:
        """Return a key and its set. An unknown id may be new, so the keys are fetched again unless that was tried just
        now. Raises `AuthenticationUnavailable` if the provider cannot be reached.
        """
        keys = await self.current()
        if keys.find(key_id, algorithm) is None:
            await self._refreshed()
            keys = await self.current()
        key = keys.find(key_id, algorithm)
        if key is None and self._failed:
            raise self._unavailable()
        return key, keys


async def in_daemon_thread(load: Callable[[], Loaded]) -> Loaded:
    """Return the result of a call. The process can exit while a daemon thread waits for a provider that hangs."""
    future: Future[Loaded] = Future()
    future.set_running_or_notify_cancel()  # it is only abandoned, never cancelled

    def run() -> None:
        try:
            future.set_result(load())
        except BaseException as error:  # noqa: BLE001  # raised in the task that waits
            future.set_exception(error)

    threading.Thread(target=run, name="orderkeep-openid", daemon=True).start()
    return await asyncio.wrap_future(future)
