"""Authentication in front of all routes, so that a new route is protected by default; and rate limits per address and
actor.

Without authentication the service is in local mode: it serves this machine only.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from starlette.types import Scope

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.access.loopback import is_loopback
from orderkeep.application.errors import InvalidCredentials, NotAuthenticated
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.api.routing import headers_of

if TYPE_CHECKING:
    from orderkeep.application.ports import RateLimiter
    from orderkeep.bootstrap import UseCases

OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/metrics", "/lifecycle", "/docs", "/openapi.json"})
"""Paths that need no authentication: they contain nothing about orders. The files below `/docs/` are open too. Their
requests count toward the rate limit per address.
"""

MAX_TOKEN_LENGTH = 8_192

LOCAL_ACTOR = Actor(ActorKind.STAFF, "local", EVERY_SCOPE)
"""The actor of all requests in local mode."""

CallerOf = Callable[[Scope], Actor | None]
"""Returns the actor whom a gateway in front of the service has authenticated, or None."""

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{0,5})?")
_READS = ("GET", "HEAD", "OPTIONS")


class Access(ABC):
    """Decides who may make a request."""

    @abstractmethod
    async def actor_of(self, scope: Scope, path: str) -> Actor | None:
        """Return the authenticated actor, or None for an open path. `path` is the path of the route.

        Raises `NotAuthenticated`, `InvalidCredentials`, `TooManyRequests`, `ServiceUnavailable` or `HttpProblem`.
        """


class LocalMode(Access):
    """Accepts every request from this machine, but no web page that a browser on it shows: `Host` must name this
    machine (DNS rebinding), and writes from foreign origins are rejected.
    """

    def __init__(self, origins: str = "") -> None:
        self._origins = frozenset(origins.split())

    async def actor_of(self, scope: Scope, path: str) -> Actor | None:  # noqa: ARG002  # every path needs it
        headers = headers_of(scope)
        host = headers.get(b"host")
        if not isinstance(host, bytes) or not _names_this_machine(host):
            raise HttpProblem("host_not_allowed")
        if scope["method"] not in _READS and (origin := headers.get(b"origin")) is not None:
            own = f"{scope['scheme']}://{host.decode('latin-1')}"
            if not isinstance(origin, bytes) or origin.decode("latin-1") not in (own, *self._origins):
                raise HttpProblem("origin_not_listed")
        return LOCAL_ACTOR


class Authentication(Access):
    """Requires a bearer token (RFC 6750), or an actor that a gateway authenticated, for every path that is not open."""

    def __init__(
        self,
        use_cases: Callable[[], UseCases],
        caller_of: CallerOf | None = None,
        per_actor: RateLimiter | None = None,
        per_address: RateLimiter | None = None,
    ) -> None:
        self._use_cases, self._caller_of = use_cases, caller_of
        self._per_actor, self._per_address = per_actor, per_address

    async def actor_of(self, scope: Scope, path: str) -> Actor | None:
        if self._per_address is not None:  # before the token is checked, so that guessing is limited too
            await self._per_address.take(address_of(scope))
        if path in OPEN_PATHS or path.startswith("/docs/"):
            return None
        actor = self._caller_of(scope) if self._caller_of else None
        if actor is None:
            actor = await self._use_cases().authenticate.execute(token_of(scope))
        if self._per_actor is not None:
            await self._per_actor.take(str(actor))
        return actor


def token_of(scope: Scope) -> str:
    """Return the bearer token of a request. Raises `NotAuthenticated` and `InvalidCredentials`."""
    given = headers_of(scope).get(b"authorization")
    if given is None:
        raise NotAuthenticated
    if isinstance(given, bytes) and given[:7].lower() not in (b"bearer", b"bearer "):
        raise InvalidCredentials(
            "the credentials must follow the word Bearer and a space: send Authorization: Bearer with an API key or an "
            "access token"
        )
    found = _BEARER.fullmatch(given) if isinstance(given, bytes) and len(given) <= MAX_TOKEN_LENGTH else None
    if found is None:
        raise InvalidCredentials
    return found[1].decode()


def address_of(scope: Scope) -> str:
    """Return the address that a request is counted for; of an IPv6 address its /64 network."""
    host: str = (scope.get("client") or ("unknown",))[0]
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))


@lru_cache(64)
def _names_this_machine(host: bytes) -> bool:
    found = _HOST.fullmatch(host.decode("latin-1"))
    return found is not None and is_loopback(found[1].strip("[]"))
