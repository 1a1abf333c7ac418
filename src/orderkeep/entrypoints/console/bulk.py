"""Actions on several orders: what would happen to each, and then what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from orderkeep.application.dtos import CommandResult
from orderkeep.application.use_cases.list_orders import LARGEST_PAGE
from orderkeep.domain.exceptions import OrderkeepError, ServiceUnavailable
from orderkeep.entrypoints.api.problems import HttpProblem
from orderkeep.entrypoints.console.changes import Difference, differences, values_of
from orderkeep.entrypoints.console.order import name_of, readable
from orderkeep.entrypoints.console.pages import Page, Screen

screen = Screen("", "/console/bulk", part_of="Orders")

VERBS = {"confirm": ("Confirm", "Confirmed"), "cancel": ("Cancel", "Cancelled"), "tag": ("Tag", "Tagged")}
"""The actions, each with the words of its button and of its result."""

AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would happen to an order, or what happened; or why not."""

    id: str
    name: str
    version: int
    differences: Sequence[Difference] = ()
    error: str = ""


@screen.post()
async def run(page: Page) -> Response:
    """Preview an action on the selected orders; with `sure`, run it."""
    do, tag, ids = page.form.text("do"), page.form.text("tag"), list(dict.fromkeys(page.form.all("order")))
    if do not in VERBS or len(ids) > LARGEST_PAGE:
        raise HttpProblem("not_found", f"Select up to {LARGEST_PAGE} orders and an action.")
    if not ids:
        return page.redirect("/", notice="No order is selected.")
    if do == "tag" and not tag:
        return page.redirect("/", notice="No tag was added, because none was entered.")
    is_preview = not page.form.text("sure")
    slots = asyncio.Semaphore(AT_ONCE)

    async def outcome(order_id: str) -> Outcome:
        async with slots:
            return await _outcome(page, order_id, do, tag, is_preview=is_preview)

    found = await asyncio.gather(*map(outcome, ids))
    return page.render(
        "bulk.html",
        HTTPStatus.OK,
        do=do,
        tag=tag,
        verb=VERBS[do][not is_preview],
        outcomes=found,
        effective=[each for each in found if each.differences],
        is_preview=is_preview,
    )


async def _outcome(page: Page, order_id: str, do: str, tag: str, *, is_preview: bool) -> Outcome:
    name, version = order_id[:8], 0
    try:
        snapshot = await page.use_cases.get_order.execute(order_id, page.actor)
        order = msgspec.json.decode(snapshot.json)
        name, version = name_of(order), order["version"]
        expected = page.form.text(f"version:{order_id}")
        result = await _change(page, order, do, tag, int(expected) if expected.isdecimal() else None, is_preview)
    except ServiceUnavailable as error:
        return Outcome(order_id, name, version, error=f"{error}: check the order")
    except OrderkeepError as error:
        return Outcome(order_id, name, version, error=readable(str(error)))
    return Outcome(order_id, name, version, differences(order, values_of(result.order)))


async def _change(
    page: Page, order: dict[str, Any], do: str, tag: str, expected: int | None, is_preview: bool
) -> CommandResult:
    context = page.context(dry_run=is_preview, expected_version=expected)
    if do == "confirm":
        return await page.use_cases.confirm_order.execute(order["id"], context)
    if do == "cancel":
        reason = page.form.optional("reason")
        return await page.use_cases.cancel_order.execute(order["id"], context, reason=reason)
    tags = tuple(dict.fromkeys([*order["tags"], tag]))
    return await page.use_cases.edit_order.execute(order["id"], {"tags": tags}, context)
