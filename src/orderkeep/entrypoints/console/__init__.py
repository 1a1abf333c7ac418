"""The console: pages for staff in a browser, on the same use cases as the other entrypoints.

HTML is rendered on the server and works without JavaScript; htmx and `console.js` only make it faster. To remove the
console, delete this folder and the lines with `mount_console` in `api/server.py`.

Add a screen in two files and a name:

1. A module with a `Screen` and its handlers, which are coroutines that take a `Page` and return a response:

       screen = Screen("API keys", "/console/keys", scope=Scope.ADMIN)

       @screen.get()
       async def list_keys(page: Page) -> Response:
           found = await page.use_cases.list_api_keys.execute(actor=page.actor)
           return page.render("keys.html", keys=found.keys)

       @screen.post("/{key_id}/revoke")
       async def revoke(page: Page) -> Response:
           key = await page.use_cases.revoke_api_key.execute(page.path["key_id"], page.actor)
           return page.redirect("/console/keys", notice=f"{key.name} was revoked.")

2. A template in `templates/` that extends `base.html`, with the blocks `title` and `main`. Everything is escaped, and
   an undefined name is an error. Macros are in `parts.html`, filters in `rendering.py`.
3. The module's name in `SCREENS` below. A screen with a `title` is in the menu of those who have its `scope`.

What the frame does: it authenticates (`page.actor` always exists, except on screens that are `open`), checks every
POST for cross-site request forgery before its handler runs, parses the form (`page.form`), sets the security headers
and the cookies, and turns every exception of a use case into an error page with the status that the API has for it. A
missing scope and another customer's data are 404. Handlers of GET change nothing. Every form
with POST contains `{{ ui.token() }}`: the token against requests of other sites, and an idempotency key.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from orderkeep.entrypoints.api.app import ROUTES
from orderkeep.entrypoints.api.routing import RouteTable
from orderkeep.entrypoints.api.shell import ShelledFastAPI
from orderkeep.entrypoints.console import (
    bulk,
    events,
    keys,
    neworder,
    order,
    orders,
    printview,
    signin,
    static_files,
    statistics,
    system,
    webhooks,
)
from orderkeep.entrypoints.console.pages import Menu, Screen
from orderkeep.entrypoints.console.sessions import SessionAccess

SCREENS: tuple[Screen, ...] = (
    orders.screen,
    orders.others,
    printview.screen,
    order.screen,
    bulk.screen,
    neworder.screen,
    events.screen,
    webhooks.screen,
    statistics.screen,
    keys.screen,
    system.screen,
    signin.screen,
)
"""All screens, in the order of the menu."""


def mount_console(app: ShelledFastAPI) -> None:
    """Add the console to an application, within its request shell: its pages have the same limits, request IDs, log
    lines and metrics as the API. It serves `/`, which redirects to the documentation otherwise, and `/console/`.
    """
    if not app.state.settings.console:
        return
    menu = Menu(SCREENS)
    routes: list[BaseRoute] = [static_files.route]
    routes += [route for screen in SCREENS for route in screen.routes_in(menu)]
    app.router.routes[:0] = [*routes, menu.unknown_path()]
    shell = app.shell
    shell.routes = RouteTable([route for route in ROUTES if route.path != "/"])
    shell.access = SessionAccess(shell.access)
