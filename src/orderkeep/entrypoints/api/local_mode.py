"""Without authentication: this machine alone may ask, and no web page that happens to be open on it."""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from orderkeep.application.access.actor import EVERY_SCOPE, Actor, ActorKind
from orderkeep.application.access.loopback import is_loopback
from orderkeep.entrypoints.api.identity import ACTOR
from orderkeep.entrypoints.api.middleware import request_id_of
from orderkeep.entrypoints.api.problems import Refused, refusal

LOCAL = Actor(ActorKind.STAFF, "local", EVERY_SCOPE)
"""Whoever is on this machine works for the shop."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{0,5})?")
_READS = ("GET", "HEAD", "OPTIONS")


class LocalModeMiddleware:
    """Takes everybody for staff, but refuses a `Host` that is not this machine's, by which a page would reach it whose
    name was made to lead here (DNS rebinding), and writes that another page's script sends (`Origin`).
    """

    def __init__(self, app: ASGIApp, origins: str = "") -> None:
        self.app, self.origins = app, frozenset(origins.split())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if (refused := self._refusal(scope)) is not None:
            return await refusal(refused, request_id_of(scope))(scope, receive, send)
        scope[ACTOR] = LOCAL
        return await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refused | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not is_loopback(_name_in(hosts[0])):
            return Refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                "host_not_allowed",
                "without authentication this service answers as localhost or 127.0.0.1 only: set ORDERKEEP_AUTH",
            )
        if scope["method"] in _READS:
            return None
        for name, value in scope["headers"]:
            origin = value.decode("latin-1")
            if name == b"origin" and origin not in (f"{scope['scheme']}://{hosts[0]}", *self.origins):
                return Refused(
                    HTTPStatus.FORBIDDEN,
                    "origin_not_listed",
                    "no page of another origin may change orders: list it in ORDERKEEP_CORS_ORIGINS",
                )
        return None


def _name_in(host: str) -> str:
    found = _HOST.fullmatch(host)
    return found[1].strip("[]") if found else ""
