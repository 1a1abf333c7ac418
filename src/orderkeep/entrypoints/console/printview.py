"""The print view of an order: what it contains, on white paper, without menu and actions."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from orderkeep.entrypoints.console.order import name_of
from orderkeep.entrypoints.console.pages import Page, Screen

screen = Screen("", "/console/orders/{order_id}/print", part_of="Orders")


@screen.get()
async def show(page: Page) -> Response:
    """Return the page."""
    snapshot = await page.use_cases.get_order.execute(page.path["order_id"], page.actor)
    order = msgspec.json.decode(snapshot.json)
    return page.render(
        "print.html",
        order=order,
        name=name_of(order),
        names={line["id"]: line["name"] for line in order["lines"]},
        seller=page.settings.seller.replace("\\n", "\n"),
    )
