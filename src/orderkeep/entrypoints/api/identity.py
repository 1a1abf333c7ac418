"""Who asks, before anything is done for them: one rule for all routes, so that a new one cannot be left open."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network
from typing import TYPE_CHECKING

from starlette._utils import get_route_path
from starlette.types import ASGIApp, Receive, Scope, Send

from orderkeep.application.access.actor import Actor
from orderkeep.application.errors import NotAuthenticated
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api.errors import problem_of
from orderkeep.entrypoints.api.middleware import request_id_of

if TYPE_CHECKING:
    from orderkeep.application.access.rate_limits import RateLimiter
    from orderkeep.bootstrap import UseCases

ACTOR = "orderkeep.actor"
"""Where in a scope the one stands who asks."""

OPEN_TO_ALL = frozenset({"/livez", "/readyz", "/metrics", "/lifecycle", "/docs", "/openapi.json"})
"""What is answered without asking who asks: it tells nothing of any order. And the files of `/docs/`."""

LONGEST_TOKEN = 8_192
"""Nothing longer is looked into."""

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)

CallerOf = Callable[[Scope], Actor | None]
"""Tells who asks from what whoever serves us knows already, such as a gateway's authorizer."""


def is_open(scope: Scope) -> bool:
    """Tell whether that is answered to everybody."""
    path = get_route_path(scope)
    return path in OPEN_TO_ALL or path.startswith("/docs/")


class AuthenticationMiddleware:
    """Lets nobody pass who has not shown who they are, by `Authorization: Bearer` (RFC 6750) or to whoever serves us,
    and nobody who asks too often.
    """

    def __init__(self, app: ASGIApp, caller_of: CallerOf | None = None, limiter: RateLimiter | None = None) -> None:
        self.app, self.caller_of, self.limiter = app, caller_of, limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(scope):
            try:
                scope[ACTOR] = await self._actor_of(scope)
            except OrderkeepError as error:
                return await problem_of(error, request_id_of(scope))(scope, receive, send)
        return await self.app(scope, receive, send)

    async def _actor_of(self, scope: Scope) -> Actor:
        actor = self.caller_of(scope) if self.caller_of else None
        if actor is None:
            use_cases: UseCases = scope["app"].state.use_cases
            actor = await use_cases.authenticate.execute(token_in(scope))
        if self.limiter is not None:
            await self.limiter.take(str(actor))
        return actor


class AddressLimitMiddleware:
    """Lets nobody pass from whose address too much is asked, whoever asks: guesses of tokens too."""

    def __init__(self, app: ASGIApp, limiter: RateLimiter) -> None:
        self.app, self.limiter = app, limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(scope):
            try:
                await self.limiter.take(address_of(scope))
            except OrderkeepError as error:
                return await problem_of(error, request_id_of(scope))(scope, receive, send)
        return await self.app(scope, receive, send)


def token_in(scope: Scope) -> str:
    """Return the bearer token of a request. Raises `NotAuthenticated`."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        raise NotAuthenticated("show who asks: Authorization: Bearer, with an API key or a token", was_shown=False)
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 and len(given[0]) <= LONGEST_TOKEN else None
    if found is None:
        raise NotAuthenticated
    token: str = found[1].decode()
    return token


def address_of(scope: Scope) -> str:
    """Return where a request comes from: of an IPv6 address the network that one customer has."""
    host: str = (scope.get("client") or ("unknown",))[0]
    if ":" not in host:  # taken as it is: to parse it costs more than to count it
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))
