"""Cookies, sessions and the protection against cross-site request forgery.

A browser has one cookie with a random token. After sign-in it is the token of a stored session; before, and in local
mode, it only ties forms to the browser. Every POST must come from a page of this host, as `Sec-Fetch-Site` and `Origin`
say, and contain the form token, which is derived from the cookie.
"""

from __future__ import annotations

import hmac
import os
import re
from http import HTTPStatus
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope as AsgiScope

from orderkeep.application.access.actor import Actor
from orderkeep.application.access.loopback import is_loopback
from orderkeep.application.access.sessions import make_token
from orderkeep.application.errors import InvalidCredentials
from orderkeep.entrypoints.api.authentication import Access
from orderkeep.entrypoints.api.problems import HttpProblem

SECURE_COOKIE, LOCAL_COOKIE = "__Host-orderkeep", "orderkeep"
"""The cookie of the token. Without TLS it is used on loopback addresses only, where browsers reject `__Host-`."""

NOTICE_COOKIE = "orderkeep-notice"
"""A text that the next page shows once, such as what a form has done."""

PLACED_COOKIE, PLACED_SECONDS = "orderkeep-placed", 300
"""The ID of the order that this browser has placed last, and how long it is kept: the form of a new order shows it."""

TARGET_SUFFIX, TARGET_SECONDS, MAX_TARGET = "-target", 600, 2_000
"""The suffix of the cookie with the path to continue at after sign-in at an OpenID provider, its lifetime, and the
length up to which a path is kept. It is in no URL that the provider gets: it may contain what was searched for.
"""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class SessionAccess(Access):
    """Lets pages of the console pass without a bearer token: they authenticate by session. In local mode, and for all
    other paths, the access is unchanged; the rate limit per address applies to all.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def actor_of(self, scope: AsgiScope, path: str) -> Actor | None:
        return await self._access.actor_of(scope, "/" if path.startswith("/console") else path)


class BrowserSession:
    """The cookie of one request, and what its response sets."""

    def __init__(self, request: Request) -> None:
        self._request = request
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        self._is_local = request.url.scheme == "http" and is_loopback(host)
        self._name = LOCAL_COOKIE if self._is_local else SECURE_COOKIE
        given = request.cookies.get(self._name, "")
        self.token = given if _TOKEN.fullmatch(given) else ""
        self._sent = self.token
        self.notice = unquote(request.cookies.get(NOTICE_COOKIE, ""))
        self._next_notice: str | None = "" if self.notice else None
        self.target = unquote(request.cookies.get(self._name + TARGET_SUFFIX, ""))
        """Where to continue after sign-in, as the browser says: to be checked."""
        self._next_target: str | None = None
        self.placed = unquote(request.cookies.get(PLACED_COOKIE, ""))
        """The ID of the order that was placed last, as the browser says: to be checked."""
        self._next_placed: str | None = None

    @property
    def form_token(self) -> str:
        """The value that every form of this browser must contain."""
        return hmac.digest(self.made_token().encode(), b"form", "sha256").hex()

    def made_token(self) -> str:
        """Return the token, a new one if the browser has none."""
        if not self.token:
            self.token = make_token(os.urandom)
        return self.token

    def check_form(self, given: str) -> None:
        """Raise `HttpProblem` unless the form comes from a page of this host in the same browser."""
        headers = self._request.headers
        site, origin = headers.get("sec-fetch-site", "same-origin"), headers.get("origin")
        if site not in ("same-origin", "none"):
            raise _rejection("cross_site")
        if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
            raise _rejection("cross_site")
        if not self.token:
            raise _rejection("cookie_missing")
        if not hmac.compare_digest(given.encode(), self.form_token.encode()):
            raise _rejection("form_expired")

    def renew(self, token: str = "") -> None:
        """Replace the token, by that of a new session or by none."""
        self.token = token

    def show_next(self, notice: str) -> None:
        """Let the next page show a text."""
        self._next_notice = notice

    def keep_target(self, path: str) -> None:
        """Keep the path to continue at; "" removes it."""
        self._next_target = path if len(path) <= MAX_TARGET else ""

    def keep_placed(self, order_id: str) -> None:
        """Keep the ID of the order that was placed."""
        self._next_placed = order_id

    def set_cookies(self, response: Response) -> None:
        """Set the cookies that have changed."""
        if self.token != self._sent:
            self._set(response, self._name, self.token)
        if self._next_notice is not None:
            self._set(response, NOTICE_COOKIE, quote(self._next_notice), 60)
        if self._next_placed is not None:
            self._set(response, PLACED_COOKIE, quote(self._next_placed), PLACED_SECONDS)
        if self._next_target is not None:
            self._set(response, self._name + TARGET_SUFFIX, quote(self._next_target), TARGET_SECONDS)

    def _set(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds if value else 0,
            path="/",
            secure=not self._is_local,
            httponly=True,
            samesite="lax",
        )


REJECTIONS = {
    "cross_site": (
        "Request from another site",
        "This form was sent from another website, so nothing was done. Open the page here and send it again.",
    ),
    "cookie_missing": (
        "Cookie missing",
        "The browser sent no cookie, so nothing was done. Allow cookies, and use https unless this is localhost.",
    ),
    "form_expired": (
        "Form out of date",
        "This form belongs to an earlier sign-in, so nothing was done. Go back, reload the page and send it again.",
    ),
}
"""The title and the detail of forms that are rejected, by code."""


def _rejection(code: str) -> HttpProblem:
    title, detail = REJECTIONS[code]
    return HttpProblem(code, detail, status=HTTPStatus.FORBIDDEN, title=title)


async def session_actor(request: Request, session: BrowserSession) -> Actor | None:
    """Return the actor of the session, or None without one that is valid."""
    if not session.token:
        return None
    app = request.scope["app"]
    try:
        actor: Actor = await app.use_cases.resume_session.execute(session.token, app.state.settings.authentication)
    except InvalidCredentials:
        return None
    return actor
