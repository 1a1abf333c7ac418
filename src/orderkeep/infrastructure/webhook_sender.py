"""Sends webhooks over HTTP, by aiohttp, to checked addresses only: without redirects, proxies, cookies or netrc."""

import asyncio
import errno
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from orderkeep.application.webhooks.sending import MAX_RESPONSE_BODY, WebhookResponse, WebhookSender
from orderkeep.domain.exceptions import InvalidUrl
from orderkeep.infrastructure.webhook_addresses import (
    CONNECT_SECONDS,
    AddressGuard,
    AddressNotAllowed,
    HostNotFound,
    Receiver,
)

TOTAL_SECONDS = 15.0
"""How long a delivery may take, from resolving the host name to the end of the response."""

MAX_READ_BYTES = 65_536
"""How much of a response is read, without decompression: the connection is closed at the byte after it."""

IDLE_SECONDS = 4.0
"""How long a connection is kept for the next delivery. Most servers close it after 5 seconds or later."""

MAX_URLS = 128
"""How many checked URLs are remembered. The addresses of their hosts are checked with each connection."""

CONNECTION_SECONDS = 60.0
"""How long connections are used: afterwards, the host name is resolved again, and its addresses are checked."""

MAX_RETRY_AFTER = 86_400.0
"""Seconds: a day."""

_CERTIFICATE_ERRORS = {
    9: "the TLS certificate is not valid yet",
    10: "the TLS certificate has expired",
    **dict.fromkeys((18, 19, 20, 21), "the TLS certificate is not issued by a trusted authority"),
    **dict.fromkeys((62, 64), "the TLS certificate is for another host"),
}
"""By the verification errors of OpenSSL."""


class _Resolver(AbstractResolver):
    """Returns the addresses of a host if all of them are allowed."""

    def __init__(self, guard: AddressGuard, is_local: bool) -> None:
        self._guard, self._is_local = guard, is_local

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._guard.addresses_of(Receiver(host, self._is_local))
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for address in addresses
        ]

    async def close(self) -> None:
        pass


class _Connections:
    """Connections to public addresses, or to local ones. Closed as soon as they are neither wanted nor in use."""

    def __init__(self, guard: AddressGuard, is_local: bool, connect_seconds: float, tls: ssl.SSLContext | None) -> None:
        self._guard, self._is_local = guard, is_local
        self._opened, self._used, self._retired = time.monotonic(), 0, False
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Resolver(guard, is_local),
                use_dns_cache=False,
                socket_factory=self._open_socket,
                ssl=tls or True,
                limit=0,  # the relay limits its deliveries
                keepalive_timeout=IDLE_SECONDS,
            ),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={hdrs.USER_AGENT: "orderkeep"},
            skip_auto_headers=(hdrs.ACCEPT_ENCODING,),
            auto_decompress=False,
            trust_env=False,
        )

    @property
    def are_old(self) -> bool:
        return time.monotonic() - self._opened > CONNECTION_SECONDS

    def _open_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Open a socket to an address that is allowed, be it resolved or part of the URL."""
        family, kind, protocol, _, address = info
        if not self._guard.allows(str(address[0]), Receiver("", self._is_local)):
            raise AddressNotAllowed
        return socket.socket(family, kind, protocol)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        self._used += 1
        try:
            request = self._session.post(URL(url, encoded=True), data=body, headers=headers, allow_redirects=False)
            async with request as response:
                start = await _start_of(response)
                retry_after = _seconds_in(response.headers.get(hdrs.RETRY_AFTER, ""))
                return WebhookResponse(response.status, start, retry_after=retry_after)
        finally:
            self._used -= 1
            await self._close_if_unused()

    async def retire(self) -> None:
        """Close the connections when the last delivery in progress has ended."""
        self._retired = True
        await self._close_if_unused()

    async def close(self) -> None:
        await self._session.close()

    async def _close_if_unused(self) -> None:
        if self._retired and not self._used:
            await self._session.close()


class AiohttpWebhookSender(WebhookSender):
    """A `WebhookSender` on aiohttp. Belongs to the event loop that it is used in first. `tls` has the trusted issuers:
    those of the system by default.
    """

    def __init__(
        self,
        guard: AddressGuard,
        tls: ssl.SSLContext | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._guard, self._tls = guard, tls
        self._receiver_of = lru_cache(MAX_URLS)(guard.receiver_of)
        self._connect_seconds, self._total_seconds = connect_seconds, total_seconds
        self._connections: dict[bool, _Connections] = {}

    async def check(self, url: str) -> None:
        await self._guard.check(url)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        started = time.monotonic()
        try:
            receiver = self._receiver_of(url)
            async with asyncio.timeout(self._total_seconds):
                response = await (await self._connections_to(receiver)).post(url, headers, body)
        except (InvalidUrl, aiohttp.ClientError, OSError) as error:
            response = WebhookResponse(None, error=self._reason(error))
        return replace(response, seconds=time.monotonic() - started)

    async def close(self) -> None:
        for connections in self._connections.values():
            await connections.close()

    async def _connections_to(self, receiver: Receiver) -> _Connections:
        found = self._connections.get(receiver.is_local)
        if found is None or found.are_old:
            opened = _Connections(self._guard, receiver.is_local, self._connect_seconds, self._tls)
            self._connections[receiver.is_local] = opened
            if found is not None:
                await found.retire()
            return opened
        return found

    def _reason(self, error: Exception) -> str:
        """Return why there is no complete response, without addresses."""
        match error:
            case InvalidUrl():
                return f"the URL {error}"
            case aiohttp.ConnectionTimeoutError():
                return f"no connection within {self._connect_seconds:g} seconds"
            case TimeoutError():
                return f"no complete response within {self._total_seconds:g} seconds"
            case aiohttp.ClientConnectorCertificateError():
                code = getattr(error.certificate_error, "verify_code", 0)
                return _CERTIFICATE_ERRORS.get(code, "the TLS certificate is not valid")
            case aiohttp.ClientConnectorSSLError():
                return "the TLS handshake failed"
            case aiohttp.ClientConnectorError():
                return _reason_to_fail(error.os_error)
            case aiohttp.ClientResponseError():
                return "the response is not valid HTTP, or its headers are too large"
        return "the connection was closed before the response was complete"


def _reason_to_fail(error: OSError) -> str:
    """Return why there is no connection."""
    if isinstance(error, HostNotFound):
        return "the host name could not be resolved"
    if isinstance(error, AddressNotAllowed):
        return "the host has an address that is not public"
    return "the connection was refused" if error.errno == errno.ECONNREFUSED else "the connection failed"


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, and return its start. After `MAX_READ_BYTES`, the rest is not read."""
    start, size = b"", 0
    async for chunk in response.content.iter_any():
        start += chunk[: MAX_RESPONSE_BODY - len(start)]
        size += len(chunk)
        if size > MAX_READ_BYTES:
            response.close()
            break
    return start


def _seconds_in(retry_after: str) -> float | None:
    """Return the seconds in a `Retry-After`, which is their number or a date (RFC 9110, section 10.2.3)."""
    if re.fullmatch("[0-9]{1,20}", retry_after):
        return min(float(retry_after), MAX_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at.timestamp() - time.time(), 0.0), MAX_RETRY_AFTER)
