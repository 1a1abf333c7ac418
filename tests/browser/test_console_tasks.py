"""The main tasks of staff with the keyboard alone, with and without JavaScript: find, cancel, refund, ship a part,
place an order, replay events to a webhook. And lists that are live.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Error, Route

from orderkeep.application.access.actor import Actor
from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.application.use_cases.list_orders import EVERYTHING
from orderkeep.bootstrap import UseCases, bootstrap, build_use_cases
from orderkeep.entrypoints.sample_orders import store_samples
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from tests.application.webhook_world import Receivers
from tests.console.console_calls import served

if TYPE_CHECKING:
    from tests.browser.console_pages import Tab

pytestmark = pytest.mark.asyncio(loop_scope="module")
both = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])

FOCUSED = """() => { const it = document.activeElement;
    return it.ariaLabel || it.labels?.[0]?.innerText || it.innerText || "" }"""
MOST_STOPS = 120
"""Stops of the Tab key on a page."""


class Keyboard:
    """A tab that is operated with the keyboard."""

    def __init__(self, tab: Tab, url: str) -> None:
        self.tab, self.url = tab, url

    async def open(self, path: str, *, scripts: bool) -> None:
        await self.tab.devtools.send("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        await self.tab.page.goto(self.url + path)

    async def tab_to(self, name: str) -> None:
        """Press Tab until the element with this label or text has the focus."""
        seen = []
        for _ in range(MOST_STOPS):
            await self.tab.page.keyboard.press("Tab")
            try:
                seen.append((await self.tab.page.evaluate(FOCUSED)).strip())
            except Error:  # the page is replaced by the next one
                await self.tab.page.wait_for_load_state()
                continue
            if seen[-1] == name:
                return
        raise AssertionError(f"{name} cannot be reached: {seen}")

    async def type(self, label: str, text: str) -> None:
        """Replace the value of a field."""
        await self.tab_to(label)
        await self.tab.page.keyboard.press("Control+A")
        await self.tab.page.keyboard.type(text)

    async def press(self, name: str) -> None:
        """Follow a link or press a button."""
        await self.tab_to(name)
        await self.tab.page.keyboard.press("Enter")

    async def sees(self, text: str) -> None:
        await self.tab.page.get_by_text(text, exact=True).first.wait_for()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(chromium: str) -> AsyncIterator[Tab]:
    from tests.browser.console_pages import open_tab

    async with open_tab(chromium) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def shop() -> AsyncIterator[tuple[UseCases, str, str]]:
    """A console with one order; its URL and the order's ID."""
    from tests.browser.console_pages import place_everything

    do = bootstrap("memory://", documents_url="memory://")
    order = await place_everything(do)
    await do.release_order.execute(order)
    async with served(do) as url:
        yield do, url, order


async def order_in(do: UseCases) -> dict[str, object]:
    [order] = msgspec.json.decode(b"[" + (await do.list_orders.execute(EVERYTHING)).json + b"]")
    found: dict[str, object] = order
    return found


@both
async def test_find_an_order_by_its_email(scripts: bool, tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    keyboard = Keyboard(tab, shop[1])
    await keyboard.open("/", scripts=scripts)
    await keyboard.type("Search orders", "ADA@example.com")
    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_url("**/?q=ADA*")
    await keyboard.press("SO-10482")
    await tab.page.get_by_role("heading", name="SO-10482").wait_for()


async def test_search_box_is_cleared_by_a_view_that_replaces_the_search(
    tab: Tab, shop: tuple[UseCases, str, str]
) -> None:
    keyboard = Keyboard(tab, shop[1])
    await keyboard.open("/?q=ada@example.com", scripts=True)
    await keyboard.press("On hold")
    await keyboard.sees("No orders match")
    assert await tab.page.locator("#q").input_value() == ""


@both
async def test_cancel_lines(scripts: bool, tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    do, url, order = shop
    keyboard = Keyboard(tab, url)
    await keyboard.open(f"/console/orders/{order}", scripts=scripts)
    await keyboard.press("Cancel lines…")
    await keyboard.type("Units of Bulb E27, warm white", "2")
    if scripts:
        await tab.page.get_by_role("button", name="Cancel 2 units").wait_for()
    await keyboard.press("Cancel 2 units" if scripts else "Cancel lines")
    await keyboard.sees("2 units were cancelled.")
    assert [line["cancelled"] for line in (await order_in(do))["lines"]] == [0, 0, 3]  # type: ignore[attr-defined]


@both
async def test_refund(scripts: bool, tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    do, url, order = shop
    keyboard = Keyboard(tab, url)
    await keyboard.open(f"/console/orders/{order}", scripts=scripts)
    await keyboard.press("Refund €1.37…")
    await keyboard.type("Amount in EUR", "1.20")
    await keyboard.type("Reference", "by-keyboard")
    if scripts:
        await tab.page.get_by_role("button", name="Refund €1.20").wait_for()
    await keyboard.press("Refund €1.20" if scripts else "Refund €1.37")
    await keyboard.sees("The refund of €1.20 was added. Pay it at your payment provider, then mark it as settled.")
    assert [each["amount"] for each in (await order_in(do))["refunds"]] == [500, 120]  # type: ignore[attr-defined]


@pytest.mark.parametrize("scripts, shown", [(True, "1 Jan 2999, 13:00"), (False, "1 Jan 2999, 12:00")])
async def test_times_of_a_form_are_in_the_zone_of_the_page(
    scripts: bool, shown: str, tab: Tab, shop: tuple[UseCases, str, str]
) -> None:
    do, url, order = shop
    until = datetime(2999, 1, 1, 12, tzinfo=UTC)
    await do.hold_order.execute(order, "fraud check", until=until)
    keyboard = Keyboard(tab, url)
    await keyboard.open(f"/console/orders/{order}", scripts=scripts)
    await tab.page.get_by_text(shown).first.wait_for()
    await keyboard.press("Put on hold…")
    await keyboard.sees("Europe/Berlin" if scripts else "UTC")
    value = await tab.page.locator("[name=until]").input_value()
    assert f"{datetime.fromisoformat(value):%-d %b %Y, %H:%M}" == shown
    await keyboard.type("Note (optional)", "Called.")
    if scripts:
        await tab.page.locator("#run:not([aria-disabled])").wait_for()
    await keyboard.press("Put on hold")
    await keyboard.sees("The order was put on hold.")
    hold = (await order_in(do))["hold"]
    assert hold["until"] == "2999-01-01T12:00:00Z"  # type: ignore[index]


WATCH = """() => { window.labels = []; window.run = document.getElementById("run");
    window.place = JSON.stringify([run.getBoundingClientRect().top, run.getBoundingClientRect().right]);
    new MutationObserver(() => labels.push(run.textContent)).observe(run, { childList: true, characterData: true }) }"""
"""Keep the button of an action, its place, and all its labels from now on."""

WATCHED = """() => [[...new Set(labels)], run === document.getElementById("run"),
    place === JSON.stringify([run.getBoundingClientRect().top, run.getBoundingClientRect().right])]"""


@pytest.mark.parametrize("as_dialog", [True, False], ids=["dialog", "page"])
async def test_button_waits_for_the_preview_of_what_is_typed(
    as_dialog: bool, tab: Tab, shop: tuple[UseCases, str, str]
) -> None:
    do, url, order = shop
    goes_on = asyncio.Event()

    async def hold(route: Route) -> None:
        await goes_on.wait()
        with suppress(Error):  # it was aborted, because more was typed
            await route.continue_()

    keyboard = Keyboard(tab, url)
    await keyboard.open(f"/console/orders/{order}{'' if as_dialog else '/add_refund'}", scripts=True)
    if as_dialog:
        await keyboard.press("Refund €1.37…")
    await tab.page.get_by_role("button", name="Refund €1.37").wait_for()
    await tab.page.evaluate(WATCH)
    await tab.page.route("**/add_refund", hold)
    async with tab.page.expect_request("**/add_refund"):
        await keyboard.type("Amount in EUR", "1")
    await tab.page.keyboard.type(".2")
    await tab.page.keyboard.press("Enter")
    waiting = tab.page.get_by_role("button", name="Refund", exact=True, disabled=True)
    await waiting.click(force=True)
    goes_on.set()
    await tab.page.get_by_role("button", name="Refund €1.20", disabled=False).wait_for()
    await tab.page.locator("#will", has_text="€0.17").wait_for()
    assert await tab.page.evaluate(WATCHED) == [["Refund", "Refund €1.20"], True, True]
    assert [each["amount"] for each in (await order_in(do))["refunds"]] == [500]  # type: ignore[attr-defined]
    await tab.page.unroute("**/add_refund")
    await tab.page.get_by_role("button", name="Refund €1.20").click()
    await keyboard.sees("The refund of €1.20 was added. Pay it at your payment provider, then mark it as settled.")


async def test_button_works_if_the_preview_fails(tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    _, url, order = shop
    keyboard = Keyboard(tab, url)
    await keyboard.open(f"/console/orders/{order}/cancel_lines", scripts=True)
    await tab.page.route("**/cancel_lines", lambda route: route.abort())
    async with tab.page.expect_event("requestfailed"):
        await keyboard.type("Units of Bulb E27, warm white", "2")
    await tab.page.unroute("**/cancel_lines")
    await tab.page.get_by_role("button", name="Cancel lines", disabled=False).click()
    await keyboard.sees("2 units were cancelled.")


@both
async def test_ship_a_part(scripts: bool, tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    do, url, order = shop
    keyboard = Keyboard(tab, url)
    await keyboard.open(f"/console/orders/{order}", scripts=scripts)
    await keyboard.press("Ship part…")
    chair = "Units of Chair, oak, with a name that is longer than its column in every table"
    for label, text in (("Units of Desk lamp, brass", "1"), (chair, "2"), ("Units of Bulb E27, warm white", "0")):
        await keyboard.type(label, text)
    await keyboard.type("Carrier (optional)", "DHL")
    await keyboard.type("Tracking number (optional)", "JD-2")
    if scripts:
        await tab.page.get_by_role("button", name="Ship 3 units").wait_for()
    await keyboard.press("Ship 3 units" if scripts else "Ship 7 units")
    await keyboard.sees("The shipment of 3 units was added.")
    found = await order_in(do)
    assert [line["shipped"] for line in found["lines"]] == [2, 2, 0]  # type: ignore[attr-defined]
    assert found["shipments"][-1]["tracking_number"] == "JD-2"  # type: ignore[index]


@both
async def test_place_an_order(scripts: bool, tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    do, url, _ = shop
    keyboard = Keyboard(tab, url)
    await keyboard.open("/console/new-order", scripts=scripts)
    await tab.page.locator("[name=user_id]:focus").wait_for()
    await tab.page.keyboard.type("ada-18")
    for label, text in (("SKU", "LAMP-02"), ("Name", "Floor lamp"), ("Unit price", "149.50")):
        await keyboard.type(label, text)
    await keyboard.press("Add a line")
    await tab.page.get_by_role("group", name="Line 2").wait_for()
    await tab.page.locator("[name='lines/1/sku']:focus").wait_for()
    await tab.page.keyboard.type("BULB-E27")
    for label, text in (("Name", "Bulb"), ("Quantity", "2"), ("Unit price", "6.50"), ("+ Shipping", "5")):
        await keyboard.type(label, text)
    if scripts:  # it follows what is typed: the field has the focus
        await tab.page.locator("#total", has_text="€167.50").wait_for()
    await keyboard.press("Place order")
    await keyboard.sees("The order was placed.")
    newest = await do.list_orders.execute(EVERYTHING, limit=1)
    assert msgspec.json.decode(newest.json)["total"] == 16_750


async def test_text_to_copy_has_what_was_typed(tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    _, url, order = shop
    keyboard = Keyboard(tab, url)
    await keyboard.open(f"/console/orders/{order}", scripts=True)
    await keyboard.press("Put on hold…")
    await tab.page.get_by_text("Appears here when this form can be sent.").wait_for(state="attached")
    await keyboard.type("Reason", "it's odd")
    await keyboard.press("Copy as curl")
    await tab.page.locator("#as-curl pre", has_text="it'\"'\"'s odd").wait_for()
    await tab.page.locator("#as-curl").get_by_role("button", name="Copy").wait_for()


async def test_copy_a_new_key(tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    keyboard = Keyboard(tab, shop[1])
    await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await keyboard.open("/console/keys", scripts=True)
    await keyboard.type("Name", "Warehouse")
    await tab.page.keyboard.press("Enter")
    await tab.page.locator("pre").wait_for()
    await keyboard.press("Copy")
    await tab.page.get_by_role("button", name="Copied").wait_for()
    assert await tab.page.evaluate("navigator.clipboard.readText()") == await tab.page.locator("pre").inner_text()


@both
async def test_replay_events_to_a_webhook(scripts: bool, tab: Tab) -> None:
    from tests.browser.console_pages import place_everything, place_webhooks

    receivers = Receivers()
    do = build_use_cases(InMemoryOrderRepository(), sender=receivers)
    order = await place_everything(do)
    await place_webhooks(do, receivers)
    receivers.received.clear()
    async with served(do) as url:
        keyboard = Keyboard(tab, url)
        await keyboard.open("/console/webhooks", scripts=scripts)
        await keyboard.press("erp.example.com/hooks")
        await tab.page.get_by_role("heading", name="erp.example.com/hooks").wait_for()
        await keyboard.type("To position", "2")
        await keyboard.press("Replay…")
        await keyboard.press("Replay 2 changes")
        await keyboard.sees("The events of positions 1 to 2 will be sent again.")
    while len(receivers.received) < 2:
        await do.deliver_webhooks.execute()
    assert receivers.ids[0] == f"{order}.1.1"


PICK = """() => { window.showSaveFilePicker = async ({ suggestedName }) =>
    (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true }) }"""
"""In place of the dialog of the browser, which no test can use: files of the origin."""

WRITTEN = """async () => { for await (const file of (await navigator.storage.getDirectory()).values())
    return (await file.getFile()).text() }"""


@dataclass
class Stoppable:
    """The export of orders, which stops after some of them until `goes_on` is set, or fails there."""

    export: ExportOrdersUseCase
    most: int
    goes_on: asyncio.Event

    async def execute(self, where: OrderFilter, actor: Actor) -> AsyncIterator[bytes]:
        number = 0
        async for order in self.export.execute(where, actor):
            if number == self.most:
                await self.goes_on.wait()
                raise ConnectionError
            number += 1
            yield order


@pytest_asyncio.fixture(loop_scope="module")
async def exporting() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A console with 150 orders, of which it exports the first 120 before it waits; then it fails."""
    do, goes_on = bootstrap("memory://"), asyncio.Event()
    await store_samples(do, 150)
    await do.get_statistics.execute()
    async with served(replace(do, export_orders=Stoppable(do.export_orders, 120, goes_on))) as url:  # type: ignore[arg-type]
        yield url, goes_on
        goes_on.set()


@pytest.mark.parametrize("kind, name", [("CSV", "csv"), ("JSON Lines", "jsonl")])
@pytest.mark.parametrize("picks", [True, False], ids=["to-a-file", "in-memory"])
async def test_export_counts_orders_and_saves_them(
    kind: str, name: str, picks: bool, tab: Tab, shop: tuple[UseCases, str, str]
) -> None:
    do, url, _ = shop
    await store_samples(do, 120)
    keyboard = Keyboard(tab, url)
    await keyboard.open("/", scripts=True)
    await tab.page.evaluate(PICK if picks else "() => { window.showSaveFilePicker = undefined }")
    expected = await (await tab.page.request.get(f"{url}/console/export?format={name}")).text()
    await keyboard.press("Export")
    if picks:
        await keyboard.press(kind)
        await tab.page.get_by_text("Exported 121 orders to orders-").wait_for()
        assert await tab.page.evaluate(WRITTEN) == expected
    else:
        async with tab.page.expect_download() as downloading:
            await keyboard.press(kind)
        downloaded = await (await downloading.value).path()
        assert downloaded.read_bytes().decode() == expected
        await tab.page.get_by_text("Exported 121 orders to orders-").wait_for()
    await tab.page.locator("#export button:focus", has_text="Close").wait_for()
    await tab.page.keyboard.press("Enter")
    await tab.page.locator("#export > *").first.wait_for(state="detached")


async def test_export_can_be_cancelled(tab: Tab, exporting: tuple[str, asyncio.Event]) -> None:
    keyboard = Keyboard(tab, exporting[0])
    await keyboard.open("/", scripts=True)
    await tab.page.evaluate("() => { window.showSaveFilePicker = undefined }")
    await keyboard.press("Export")
    await keyboard.press("CSV")
    await tab.page.get_by_text("99 of 150 orders").wait_for()
    await tab.page.locator("#export button:focus", has_text="Cancel").wait_for()
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_text("The export was cancelled after 99 orders. Nothing was saved.").wait_for()


async def test_export_that_fails_says_so_and_can_be_tried_again(tab: Tab, exporting: tuple[str, asyncio.Event]) -> None:
    url, goes_on = exporting
    keyboard = Keyboard(tab, url)
    await keyboard.open("/", scripts=True)
    await tab.page.evaluate("() => { window.showSaveFilePicker = undefined }")
    await tab.page.route(
        "**/console/export*", lambda route: route.fulfill(status=429, body="<main><p>Wait.</p></main>")
    )
    await keyboard.press("Export")
    await keyboard.press("JSON Lines")
    await tab.page.get_by_text("Nothing was exported. Wait.").wait_for()
    await tab.page.unroute("**/console/export*")
    await tab.page.get_by_role("button", name="Try again").press("Enter")
    await tab.page.get_by_text("99 of 150 orders").wait_for()
    goes_on.set()
    await tab.page.get_by_text("The connection was lost after 99 orders. Nothing was saved.").wait_for()


async def test_list_of_events_is_live_until_it_is_paused(chromium: str, shop: tuple[UseCases, str, str]) -> None:
    from tests.browser.console_pages import open_tab

    do, url, order = shop
    async with open_tab(chromium) as tab:  # of its own: the streams of another test may end late, with an error
        keyboard = Keyboard(tab, url)
        await keyboard.open("/console/events", scripts=True)
        rows = tab.page.locator("#events tbody tr")
        before = await rows.count()
        await do.add_note.execute(order, "Hello")
        await rows.nth(before).wait_for()
        await keyboard.press("Live")
        await tab.page.locator("button[aria-pressed=false]").wait_for()
        assert tab.console == []


async def test_list_of_events_says_when_it_is_not_live(tab: Tab, shop: tuple[UseCases, str, str]) -> None:
    await tab.page.route("**/stream*", lambda route: route.fulfill(status=429))
    await Keyboard(tab, shop[1]).open("/console/events", scripts=True)
    await tab.page.locator("button[aria-pressed=false]").wait_for()
    await tab.page.unroute("**/stream*")
