"""What every answer tells browsers and caches, unless its route says otherwise. Pure ASGI, around all else."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer, so that no route can forget them: nothing is run, framed, embedded elsewhere, or kept."""

HSTS = "Strict-Transport-Security"


class SecurityHeadersMiddleware:
    """Adds the headers that an answer does not have. `hsts_seconds` says how long browsers are to ask by https alone;
    0, for a service that is reached by plain HTTP as well, says nothing of it.
    """

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        hsts = {HSTS: f"max-age={hsts_seconds}"} if hsts_seconds else {}
        self.app = app
        self.headers = [(k.lower().encode(), v.encode()) for k, v in {**SECURITY_HEADERS, **hsts}.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = self.headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message["headers"]
                own = dict(given)
                message["headers"] = [*given, *[header for header in headers if header[0] not in own]]
            await send(message)

        return await self.app(scope, receive, send_with_headers)
