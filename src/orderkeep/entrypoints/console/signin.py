"""Sign in with an API key, and sign out."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus

from starlette.responses import Response

from orderkeep.application.access.sessions import IDLE, LIFETIME
from orderkeep.application.errors import InvalidCredentials
from orderkeep.entrypoints.console.pages import SIGN_IN, Page, Screen

screen = Screen("", "/console", is_open=True)

_OWN_PATH = re.compile(r"/(?:console/[^\\]*|\?[^\\]*)?")
"""Where to continue after sign-in: a page of the console, never another host."""

REJECTED = "This key is unknown, expired or revoked. Check that you copied all of it, or use another one."


@screen.get("/sign-in")
async def show_sign_in(page: Page) -> Response:
    """Return the form; in local mode, and for those who are signed in, go on to the console."""
    if hasattr(page, "actor"):
        return page.redirect(_target(page.query.get("next", "/")))
    return _form(page, page.query.get("next", "/"))


@screen.post("/sign-in")
async def sign_in(page: Page) -> Response:
    """Start a session."""
    target = page.form.text("next", "/")
    if "keys" not in page.settings.authentication:
        return _form(page, target, error="Sign-in needs API keys: add keys to ORDERKEEP_AUTH.")
    try:
        started = await page.use_cases.start_session.execute(page.form.text("key"))
    except InvalidCredentials:
        return _form(page, target, error=REJECTED)
    page.session.renew(started.token)
    return page.redirect(_target(target))


@screen.post("/sign-out")
async def sign_out(page: Page) -> Response:
    """End the session."""
    if not page.is_local:
        await page.use_cases.end_session.execute(page.session.token)
        page.session.renew()
    return page.redirect(SIGN_IN, notice="You are signed out.")


def _form(page: Page, target: str, error: str = "") -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    idle, hours = IDLE // timedelta(minutes=1), LIFETIME // timedelta(hours=1)
    return page.render("signin.html", status, next=_target(target), error=error, idle=idle, hours=hours)


def _target(path: str) -> str:
    return path if _OWN_PATH.fullmatch(path) and not path.startswith(SIGN_IN) else "/"
