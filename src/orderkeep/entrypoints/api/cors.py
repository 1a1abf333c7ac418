"""Pages of other origins that may ask from a browser: those that the settings list, and without any, none."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from orderkeep.entrypoints.api.middleware import request_id_of
from orderkeep.entrypoints.api.problems import problem

METHODS = ("DELETE", "GET", "HEAD", "POST")

READABLE = ("ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Request-Id")
"""What a page may read of an answer, beside what every page may."""

SENDABLE = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id")
"""What a page may send."""


def listed_origins(origins: str) -> list[Middleware]:
    """Return what answers the pages of these origins, separated by spaces; nothing where there are none."""
    return [Middleware(ListedOriginsMiddleware, origins.split())] if origins else []


class ListedOriginsMiddleware:
    """Lets pages of these origins read answers; a page that may not ask is refused with a problem document. Cookies
    are no part of it: who asks is shown by a header.
    """

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        self.app = CORSMiddleware(
            app, allow_origins=origins, allow_methods=METHODS, allow_headers=SENDABLE, expose_headers=READABLE
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_preflight(scope):
            answer = self.app.preflight_response(Headers(scope=scope))
            if answer.status_code != HTTPStatus.OK:
                answer = _refusal(scope)
            return await answer(scope, receive, send)
        return await self.app(scope, receive, send)


def _is_preflight(scope: Scope) -> bool:
    if scope["method"] != "OPTIONS":
        return False
    headers = Headers(scope=scope)
    return "origin" in headers and "access-control-request-method" in headers


def _refusal(scope: Scope) -> Response:
    detail = "pages of this origin may not ask this: the service lists which may"
    return problem(HTTPStatus.FORBIDDEN, "origin_not_listed", detail, request_id=request_id_of(scope))
