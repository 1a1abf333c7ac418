"""A bound to how much is done at once: what would be more is refused at once, before it waits for nothing."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderkeep.entrypoints.api.errors import RETRY_SECONDS
from orderkeep.entrypoints.api.metrics import Metrics
from orderkeep.entrypoints.api.middleware import request_id_of
from orderkeep.entrypoints.api.problems import Refused, refusal

EXEMPT = frozenset(("/livez", "/readyz", "/metrics"))
"""Asked by those who must know how it is, above all then."""


def overloaded(what: str) -> Refused:
    """Return the refusal of what would be one too many."""
    detail = f"too many {what} at once: nothing was done, try again"
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, headers={"Retry-After": RETRY_SECONDS})


class OverloadMiddleware:
    """Answers 503 to requests beyond so many at once. A request counts while there is work to do for it: not while its
    body is still coming, or a few slow clients could keep all others out.
    """

    def __init__(self, app: ASGIApp, most_at_once: int, metrics: Metrics) -> None:
        self.app, self.most_at_once, self.metrics = app, most_at_once, metrics
        self.at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].removeprefix(scope.get("root_path", "")) in EXEMPT:
            return await self.app(scope, receive, send)
        if self.at_work >= self.most_at_once:
            self.metrics.refused["overloaded"] += 1
            return await refusal(overloaded("requests"), request_id_of(scope))(scope, receive, send)
        is_whole = False

        async def receive_beside() -> Message:
            nonlocal is_whole
            if is_whole:
                return await receive()
            self.at_work -= 1
            try:
                message = await receive()
            finally:
                self.at_work += 1
            is_whole = not message.get("more_body", False)
            if self.at_work > self.most_at_once:
                self.metrics.refused["overloaded"] += 1
                raise overloaded("requests")
            return message

        self.at_work += 1
        try:
            await self.app(scope, receive_beside, send)
        finally:
            self.at_work -= 1
