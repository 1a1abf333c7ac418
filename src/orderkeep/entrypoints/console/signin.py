"""Sign in with an API key or at an OpenID provider, and sign out."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from orderkeep.application.access.openid_sign_in import TIME_TO_SIGN_IN, Failure, SignInFailed
from orderkeep.application.access.sessions import IDLE, LIFETIME
from orderkeep.application.errors import AuthenticationUnavailable, InvalidCredentials, Overloaded
from orderkeep.entrypoints.console.pages import SIGN_IN, Page, Screen

screen = Screen("", "/console", is_open=True)

_OWN_PATH = re.compile(r"/(?:console/[^\\]*|\?[^\\]*)?")
"""Where to continue after sign-in: a page of the console, never another host."""

REJECTED = "This key is unknown, expired or revoked. Check that you copied all of it, or use another one."

PROBLEMS: dict[str, str] = {
    Failure.STATE: "This sign-in was started in another browser, or was completed before. Start again here.",
    Failure.EXPIRED: f"This sign-in took more than {TIME_TO_SIGN_IN // timedelta(minutes=1)} minutes. Start again.",
    Failure.DENIED: "The provider did not sign you in: you cancelled, or your account has no access. Try again, or "
    "ask an administrator for access.",
    Failure.REJECTED: "The response of the provider is not valid, so you are not signed in. Try again. If it fails "
    "again, ask an administrator: the log contains the reason.",
    Failure.TOKEN: "The access token of the provider is not accepted, so you are not signed in. Ask an administrator: "
    "the log contains the reason, such as a token for another audience.",
    Failure.CLOCK: "The clocks of this service and of the provider differ, so you are not signed in. Ask an "
    "administrator to correct them.",
    Failure.SETTINGS: "The provider does not accept this service, so you are not signed in. Ask an administrator to "
    "check the client ID, its secret, the scopes and the redirect URI: the log contains the reason.",
    "unavailable": "The provider is not available, so you are not signed in. Try again in a minute.",
}
"""Why a sign-in at a provider failed, and what to do, by the parameter `problem` of the sign-in page."""


@screen.get("/sign-in")
async def show_sign_in(page: Page) -> Response:
    """Return the form; in local mode, and for those who are signed in, go on to the console."""
    if hasattr(page, "actor"):
        return page.redirect(_target(page.query.get("next", "/")))
    return _form(page, page.query.get("next", "/"), problem=PROBLEMS.get(page.query.get("problem", ""), ""))


@screen.post("/sign-in")
async def sign_in(page: Page) -> Response:
    """Start a session."""
    target = page.form.text("next", "/")
    if "keys" not in page.settings.authentication:
        return _form(
            page,
            target,
            problem="Sign-in with API keys is off: add keys to ORDERKEEP_AUTH.",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
        )
    try:
        started = await page.use_cases.start_session.execute(page.form.text("key"))
    except InvalidCredentials:
        return _form(page, target, error=REJECTED, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    page.session.renew(started.token)
    return page.redirect(_target(target))


@screen.get("/sign-in/openid")
async def sign_in_at_provider(page: Page) -> Response:
    """Send the browser to the OpenID provider. Not a form: browsers apply `form-action` to its redirects."""
    target = _target(page.query.get("next", "/"))
    if hasattr(page, "actor"):
        return page.redirect(target)
    try:
        url = await page.use_cases.start_openid_session.url(page.session.made_token())
    except (SignInFailed, AuthenticationUnavailable) as error:
        return _failed(page, error, target)
    page.session.keep_target(target)
    return RedirectResponse(url, HTTPStatus.SEE_OTHER)


@screen.get("/sign-in/callback")
async def continue_from_provider(page: Page) -> Response:
    """Start a session when the OpenID provider sends the browser back: the state takes the place of the form token. The
    response is a redirect in any case, so that the code does not stay in the address bar and the history.
    """
    target = _target(page.session.target or "/")
    if hasattr(page, "actor"):
        return page.redirect(target)
    try:
        started = await page.use_cases.start_openid_session.execute(page.session.token, page.query)
    except (SignInFailed, AuthenticationUnavailable, Overloaded) as error:
        return _failed(page, error, target)
    page.session.renew(started.token)
    page.session.keep_target("")
    return page.redirect(target)


def _failed(page: Page, error: Exception, target: str) -> Response:
    failure = error.failure if isinstance(error, SignInFailed) else "unavailable"
    if failure != Failure.STATE:  # then the state was that of this browser, and is not used again
        page.session.renew()
    return page.redirect(SIGN_IN, problem=failure, next=target)


@screen.post("/sign-out")
async def sign_out(page: Page) -> Response:
    """End the session."""
    if not page.is_local:
        await page.use_cases.end_session.execute(page.session.token)
        page.session.renew()
    return page.redirect(SIGN_IN, notice="You are signed out.")


def _form(page: Page, target: str, error: str = "", problem: str = "", status: int = HTTPStatus.OK) -> Response:
    has_openid = "jwt" in page.settings.authentication and page.use_cases.start_openid_session.is_configured
    return page.render(
        "signin.html",
        status,
        next=_target(target),
        error=error,
        problem=problem,
        has_keys="keys" in page.settings.authentication,
        provider=urlsplit(page.settings.jwt_issuer).hostname if has_openid else "",
        idle=IDLE // timedelta(minutes=1),
        hours=LIFETIME // timedelta(hours=1),
    )


def _target(path: str) -> str:
    return path if _OWN_PATH.fullmatch(path) and not path.startswith(SIGN_IN) else "/"
