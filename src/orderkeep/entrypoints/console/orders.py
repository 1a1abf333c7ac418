"""The orders screen: the list with its filters and search."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from orderkeep.entrypoints.console.pages import Page, Screen

screen = Screen("Orders", "/")


@screen.get()
async def list_orders(page: Page) -> Response:
    """Return the list."""
    found = await page.use_cases.list_orders.execute(actor=page.actor)
    return page.render("orders.html", orders=[msgspec.json.decode(each) for each in found.orders])
