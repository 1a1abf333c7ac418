"""Requests for pages: the actor, the form, the response, and error pages. See the package for how to add a screen."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from orderkeep.application.access.actor import Actor, Scope
from orderkeep.application.change_order import CommandContext
from orderkeep.application.errors import IdempotencyKeyReused, NotAllowed
from orderkeep.domain.exceptions import OrderkeepError, OrderNotFound, ServiceUnavailable
from orderkeep.entrypoints.api.dependencies import ACTOR, REQUEST_ID
from orderkeep.entrypoints.api.problems import HttpProblem, problem_of
from orderkeep.entrypoints.console.rendering import Icons, render, sentence
from orderkeep.entrypoints.console.sessions import BrowserSession, session_actor
from orderkeep.entrypoints.console.static_files import ConsoleRoute

if TYPE_CHECKING:
    from orderkeep.bootstrap import UseCases
    from orderkeep.config import Settings

log = logging.getLogger("orderkeep.console")

SIGN_IN = "/console/sign-in"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send `Origin: null` with forms
}
"""Headers of pages, in place of those of the request shell."""

MAX_FIELDS = 1_000
"""Maximum number of fields of a form."""


class Form:
    """The fields of a form. Line breaks are line feeds."""

    def __init__(self, fields: Sequence[tuple[str, str]] = ()) -> None:
        self._fields = [(name, value.replace("\r\n", "\n")) for name, value in fields]

    def text(self, name: str, default: str = "") -> str:
        """Return the first value of a field, without whitespace around it."""
        return next((value.strip() for given, value in self._fields if given == name), default)

    def optional(self, name: str) -> str | None:
        """Return the value of a field, or None if it is empty."""
        return self.text(name) or None

    def all(self, name: str) -> list[str]:
        """Return all values of a field, such as checkboxes."""
        return [value for given, value in self._fields if given == name]

    def replaced(self, values: Mapping[str, str]) -> Form:
        """Return the form with other values of some fields."""
        return Form([*((name, value) for name, value in self._fields if name not in values), *values.items()])

    def starting(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the rest of the name, and the value, of each field that begins like this."""
        for name, value in self._fields:
            if name.startswith(prefix):
                yield name.removeprefix(prefix), value.strip()


class Page:
    """A request for a page, and how to respond to it."""

    actor: Actor
    """The authenticated actor. Screens that are `open` have none before sign-in."""

    def __init__(self, request: Request, menu: Menu, screen: Screen | None) -> None:
        self.request, self.menu, self.screen = request, menu, screen
        self.use_cases: UseCases = request.scope["app"].use_cases
        self.settings: Settings = request.scope["app"].state.settings
        self.path: Mapping[str, str] = request.path_params
        self.query: Mapping[str, str] = request.query_params
        self.form = Form()
        self.session = BrowserSession(request)
        self.is_local = not self.settings.authentication

    @property
    def actor_name(self) -> str:
        """Who is signed in, as the menu shows it; "" before sign-in."""
        actor = getattr(self, "actor", None)
        if actor is None:
            return ""
        name = actor.id.rpartition("#")[2] if actor.sees_all else actor.id  # of issuer#subject
        return f"{actor.kind} {name.removeprefix('key:')}"

    @property
    def once(self) -> str | None:
        """The idempotency key of the form: a request that is sent again has no further effect."""
        return self.form.optional("once")

    def may(self, scope: Scope | None) -> bool:
        """Return whether the actor has the scope."""
        try:
            if scope is not None:
                self.actor.require(scope)
        except (NotAllowed, AttributeError):  # AttributeError: not signed in
            return False
        return True

    def context(self, *, dry_run: bool = False, expected_version: int | None = None) -> CommandContext:
        """Return the actor and the conditions of a command: the idempotency key of the form."""
        return CommandContext(
            actor=self.actor,
            key=self.once,
            expected_version=expected_version,
            dry_run=dry_run,
            request_id=self.request.scope[REQUEST_ID],
        )

    def url(self, path: str, **query: str) -> str:
        """Return the URL of a path of the console, with the root path."""
        root: str = self.request.scope["root_path"]
        return root + path + (f"?{urlencode(query)}" if query else "")

    def render(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """Return a page."""
        content = render(
            template,
            page=self,
            url=self.url,
            form_token=lambda: self.session.form_token,
            new_key=lambda: uuid4().hex,
            icons=Icons(),
            **values,
        )
        return HTMLResponse(content, status)

    def redirect(self, path: str, notice: str = "", **query: str) -> Response:
        """Return a redirect to another page of the console, which shows the notice."""
        if notice:
            self.session.show_next(notice)
        return RedirectResponse(self.url(path, **query), HTTPStatus.SEE_OTHER)


Handler = Callable[[Page], Awaitable[Response]]


class Screen:
    """A group of pages below a path. One with a `title` is in the menu of actors with its `scope`; another one may be
    `part_of` it, by title, so that the menu shows where its pages are.
    """

    def __init__(
        self, title: str, path: str, scope: Scope | None = None, *, is_open: bool = False, part_of: str = ""
    ) -> None:
        self.title, self.path, self.scope, self.is_open, self.part_of = title, path, scope, is_open, part_of
        self._handlers: list[tuple[str, str, Handler]] = []

    def get(self, path: str = "") -> Callable[[Handler], Handler]:
        """Register the handler of GET, which changes nothing. The path is below the screen's."""
        return lambda handler: self._add("GET", path, handler)

    def post(self, path: str = "") -> Callable[[Handler], Handler]:
        """Register the handler of POST."""
        return lambda handler: self._add("POST", path, handler)

    def _add(self, method: str, path: str, handler: Handler) -> Handler:
        self._handlers.append((method, self.path.rstrip("/") + path or "/", handler))
        return handler

    def routes_in(self, menu: Menu) -> list[Route]:
        """Return the routes of the handlers."""
        return [PageRoute(method, path, handler, menu, self) for method, path, handler in self._handlers]


class Menu:
    """The screens of a console."""

    def __init__(self, screens: Sequence[Screen]) -> None:
        self._screens = screens

    def items(self, page: Page) -> list[Screen]:
        """Return the screens that the actor of a page may open."""
        return [screen for screen in self._screens if screen.title and page.may(screen.scope)]

    def unknown_path(self) -> Route:
        """Return the route of all other paths below `/console`."""

        async def reject(_: Page) -> Response:
            raise HttpProblem("not_found", "No page has this address.")

        return PageRoute("GET", "/console{path:path}", reject, self, None)


class PageRoute(ConsoleRoute):
    """The route of a handler."""

    def __init__(self, method: str, path: str, handler: Handler, menu: Menu, screen: Screen | None) -> None:
        super().__init__(path, self.respond, methods=[method])
        self._handler, self._menu, self._screen = handler, menu, screen

    async def respond(self, request: Request) -> Response:
        """Return the response of the handler, or an error page."""
        page = Page(request, self._menu, self._screen)
        try:
            response = await self._authenticate(page) or await self._handle(page)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  # it is logged
            response = error_page(page, error)
        page.session.set_cookies(response)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _authenticate(self, page: Page) -> Response | None:
        """Set the actor of the page; without one, return a redirect to the sign-in page."""
        actor = page.request.scope[ACTOR]
        if actor is None:
            actor = page.request.scope[ACTOR] = await session_actor(page.request, page.session)
        if actor is not None:
            page.actor = actor
        elif self._screen is None or not self._screen.is_open:
            if page.request.method == "GET":
                query = page.request.url.query
                target = page.request.scope["path"].removeprefix(page.request.scope["root_path"])
                return page.redirect(SIGN_IN, next=target + (f"?{query}" if query else ""))
            raise HttpProblem("signed_out", SIGNED_OUT, status=HTTPStatus.UNAUTHORIZED, title="Signed out")
        return None

    async def _handle(self, page: Page) -> Response:
        if page.request.method == "POST":
            page.form = await _read_form(page.request)
            page.session.check_form(page.form.text("form_token"))
        if self._screen is not None and self._screen.scope is not None:
            page.actor.require(self._screen.scope)
        return await self._handler(page)


SIGNED_OUT = (
    "Your session has ended, so nothing was done. Sign in again in another tab, then go back and send the form again."
)


async def _read_form(request: Request) -> Form:
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if media_type != "application/x-www-form-urlencoded":
        detail = "a form must be sent as application/x-www-form-urlencoded"
        raise HttpProblem("unsupported_media_type", detail)
    try:
        body = (await request.body()).decode()
        fields = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        detail = f"the form must have at most {MAX_FIELDS} fields of UTF-8"
        raise HttpProblem("malformed_form", detail, status=HTTPStatus.BAD_REQUEST, title="Malformed form") from None
    return Form(fields)


def error_page(page: Page, error: Exception) -> Response:
    """Return the page of an error, with the status that it has in the API. What the actor may not see is not found."""
    problem = problem_of(error)
    status, title, detail = problem.status, problem.title, problem.detail or ""
    if isinstance(error, ServiceUnavailable):
        log.error("service unavailable", extra={"code": error.code, "reason": str(error)})
    elif not isinstance(error, (OrderkeepError, HttpProblem)):
        log.error("request failed", exc_info=error)
    if isinstance(error, IdempotencyKeyReused):
        detail = "This form was sent before, with other values, so nothing was done. Open its page again."
    if isinstance(error, NotAllowed) and page.request.method == "GET":
        status, title = HTTPStatus.NOT_FOUND, "Page not found"
        detail = f"This page does not exist, or you do not have the scope {error.scope}."
    response = page.render(
        "error.html", status, title=title, detail=sentence(detail),
        typed=page.path.get("order_id", "") if problem.code == OrderNotFound.code else "",
        request_id=page.request.scope[REQUEST_ID],
    )  # fmt: skip
    for name, value in (problem.headers or {}).items():
        if name != "WWW-Authenticate":
            response.headers[name] = value
    return response
