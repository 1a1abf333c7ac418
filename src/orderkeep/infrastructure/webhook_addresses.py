"""The URLs and addresses that webhooks may be sent to: public ones, so that no webhook reaches an internal network.

The URL is checked before each request, and the address again when a socket to it is opened (`webhook_sender.py`).
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from threading import Thread
from urllib.parse import urlsplit

from orderkeep.application.access.loopback import host_in, is_loopback
from orderkeep.domain.exceptions import InvalidUrl

MAX_URL_LENGTH = 2_048
"""In characters."""

CONNECT_SECONDS = 3.0
"""How long resolving the host name, connecting and the TLS handshake may take together."""

HTTPS_PORT, FIRST_UNRESERVED_PORT = 443, 1_024
MAX_LOOKUPS = 16
"""How many host names are resolved at the same time."""

Lookup = Callable[[str], Awaitable[list[str]]]
"""Returns the addresses of a host name: none, if it cannot be resolved."""

_RESERVED_IPV4 = [
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's host platform, which every virtual machine reaches
    )
]
"""The IANA registry of special-purpose addresses, multicast included."""

_GLOBAL_UNICAST_IPV6 = IPv6Network("2000::/3")
_RESERVED_IPV6 = [
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
"""Special-purpose parts of the global unicast addresses. 2002::/16 and parts of 2001::/23 contain IPv4 addresses."""

_HOST_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class HostNotFound(OSError):
    """The host name could not be resolved."""


class AddressNotAllowed(OSError):
    """The host has an address that is not public."""


def is_public(address: str) -> bool:
    """Return whether an address is globally reachable and contains no other address, as tunnels and NAT64 do."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _RESERVED_IPV4)
    is_unicast = found.scope_id is None and found in _GLOBAL_UNICAST_IPV6
    return is_unicast and not any(found in network for network in _RESERVED_IPV6)


@dataclass(frozen=True, slots=True)
class Receiver:
    """The host of an accepted URL. `is_local`: a loopback name or address, which only local mode accepts."""

    host: str
    is_local: bool = False


class SystemLookup:
    """Resolves host names with the system's resolver, in threads that a process does not wait for when it ends.

    A host name is resolved once at a time, so that a name server that hangs keeps one thread busy, not all.
    """

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str) -> list[str]:
        if host not in self._running:
            if len(self._running) >= MAX_LOOKUPS:
                return []
            loop = asyncio.get_running_loop()
            self._running[host] = loop.create_future()
            Thread(target=self._run, args=(host, loop), name="orderkeep-webhook-lookup", daemon=True).start()
        return await asyncio.shield(self._running[host])

    def _run(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        found = []
        with suppress(OSError, UnicodeError):
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._finish, host, list(dict.fromkeys(str(info[4][0]) for info in found)))

    def _finish(self, host: str, addresses: list[str]) -> None:
        self._running.pop(host).set_result(addresses)


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Decides which URLs and addresses are allowed. In local mode, these are also loopback names and addresses."""

    local: bool = False
    lookup: Lookup = field(default_factory=SystemLookup)
    is_public: Callable[[str], bool] = is_public

    def receiver_of(self, url: str) -> Receiver:
        """Return the host of a URL. Raises `InvalidUrl` if the URL is not allowed, whatever its host resolves to."""
        if len(url) > MAX_URL_LENGTH:
            raise InvalidUrl(f"must have at most {MAX_URL_LENGTH:,} characters", "url")
        host = host_in(url)
        if host is None:
            raise InvalidUrl(
                "must be a URL such as https://shop.example.com/webhooks, in ASCII, without a password or fragment; "
                "write an international host name in its xn-- form",
                "url",
            )
        parts = urlsplit(url)
        if self.local and is_loopback(host):
            return Receiver(host, is_local=True)
        if parts.scheme != "https":
            raise InvalidUrl("must begin with https://; http is allowed for localhost in local mode only", "url")
        if not self._is_public_host(host):
            raise InvalidUrl("must have a public host name or address", "url")
        port = parts.port or HTTPS_PORT
        if port != HTTPS_PORT and port < FIRST_UNRESERVED_PORT:
            raise InvalidUrl(f"must have port {HTTPS_PORT} or one from {FIRST_UNRESERVED_PORT:,}", "url")
        return Receiver(host)

    def _is_public_host(self, host: str) -> bool:
        """Return whether a host is a public address in its standard form, or a name of several labels."""
        if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
            return self.is_public(host)
        return _HOST_NAME.fullmatch(host) is not None

    def allows(self, address: str, receiver: Receiver) -> bool:
        """Return whether a connection to the address may be opened for this receiver."""
        return is_loopback(address) if receiver.is_local else self.is_public(address)

    async def addresses_of(self, receiver: Receiver) -> list[str]:
        """Resolve the host. Raises `HostNotFound`, and `AddressNotAllowed` if any of its addresses is not allowed."""
        if receiver.host == "localhost":
            return ["127.0.0.1", "::1"]
        try:
            found = [str(ip_address(receiver.host))]
        except ValueError:
            found = await self.lookup(receiver.host)
        if not found:
            raise HostNotFound
        if not all(self.allows(address, receiver) for address in found):
            raise AddressNotAllowed
        return found

    async def check(self, url: str) -> None:
        """Check a URL and the addresses that its host resolves to. Raises `InvalidUrl` for the field `url`."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self.addresses_of(self.receiver_of(url))
        except (HostNotFound, TimeoutError):
            raise InvalidUrl("has a host name that could not be resolved: check its spelling", "url") from None
        except AddressNotAllowed:
            raise InvalidUrl("has a host with an address that is not public", "url") from None
