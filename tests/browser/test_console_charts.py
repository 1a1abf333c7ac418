"""The charts over time in a browser: zoom with the mouse and with the keyboard, values on hover and on focus, colors of
the scheme; and they take the place of the server's charts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from tests.browser.console_pages import Tab

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/console/statistics"
ORDERS, VALUE = "Orders per day", "Value per day"
RECORD_TEXTS = """() => { window.texts = []; const draw = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
        texts.push(text); draw.call(this, text, ...rest); } }"""
RECORD_SHIFTS = """() => { window.shifts = []; new PerformanceObserver(list => shifts.push(...list.getEntries()))
    .observe({type: "layout-shift", buffered: true}) }"""
COLORS = """canvas => { const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d",
        {willReadFrequently: true});  // Chromium warns about reading from others
    copy.drawImage(canvas, 0, 0);
    const all = copy.getImageData(0, 0, canvas.width, canvas.height).data;
    const found = new Set(), hex = number => number.toString(16).padStart(2, "0");
    for (let at = 0; at < all.length; at += 4)
        if (all[at + 3] === 255) found.add(`#${hex(all[at])}${hex(all[at + 1])}${hex(all[at + 2])}`);
    return [...found] }"""
ACCENT = "() => getComputedStyle(document.documentElement).getPropertyValue('--acc')"


class Charts:
    """The statistics page of a shop in a browser."""

    def __init__(self, tab: Tab, url: str) -> None:
        self.tab, self.page, self.url = tab, tab.page, url

    async def open(self, query: str = "", *, width: int = 1280, scripts: bool = True) -> None:
        await self.tab.devtools.send("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        await self.page.set_viewport_size({"width": width, "height": 800})
        await self.page.emulate_media(color_scheme="light")
        self.tab.console.clear()
        await self.page.goto(f"{self.url}{PATH}{query}")

    def chart(self, title: str) -> Locator:
        return self.page.locator("section", has=self.page.get_by_role("heading", name=title, exact=True))

    async def names(self) -> list[str]:
        """Return the names of the periods, the first one first."""
        return (await self.chart(ORDERS).locator("tbody th").all_text_contents())[::-1]

    async def values(self, title: str) -> list[str]:
        """Return the values of a chart's table, the first one first."""
        return (await self.chart(title).locator("tbody td").all_text_contents())[::-1]

    async def shown(self) -> list[str | None]:
        """Return what both charts are called: the period, if they are zoomed."""
        return [await each.get_attribute("aria-label") for each in await self.page.get_by_role("slider").all()]

    async def tip(self, title: str) -> list[str]:
        """Return the value that a chart shows, if it shows one."""
        return [text for text in await self.chart(title).locator(".u-over > div:visible").all_inner_texts() if text]

    async def move_to(self, title: str, index: int) -> None:
        """Move the mouse to the middle of a period of the last 30 days."""
        box = await self.chart(title).locator(".u-over").bounding_box()
        assert box is not None
        await self.page.mouse.move(box["x"] + box["width"] * (index + 0.5) / 30, box["y"] + 50, steps=3)

    async def drag(self, title: str, first: int, last: int) -> None:
        await self.move_to(title, first)
        await self.page.mouse.down()
        await self.move_to(title, last)
        await self.page.mouse.up()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(chromium: str) -> AsyncIterator[Charts]:
    from orderkeep.application.dtos import PlaceOrder
    from orderkeep.bootstrap import bootstrap
    from orderkeep.entrypoints.sample_orders import store_samples
    from tests.browser.console_pages import open_tab, served

    do = bootstrap("memory://")
    await store_samples(do, 60)
    await do.place_order.execute(PlaceOrder(user_id="kaito", total=90_000, currency="JPY"))
    async with served(do) as url, open_tab(chromium) as tab:
        yield Charts(tab, url)


@pytest_asyncio.fixture(loop_scope="module")
async def charts(page: Charts) -> AsyncIterator[Charts]:
    """The page, which must not write errors or reports of its policy to the console, nor make outside requests."""
    yield page
    assert page.tab.console == []
    assert page.tab.requests.outside(page.url) == []


def zoomed(names: list[str], first: int, last: int) -> list[str]:
    return [f"{title}, {names[first]} to {names[last]}" for title in (ORDERS, VALUE)]


async def test_drag_zooms_both_charts_until_a_double_click(charts: Charts) -> None:
    await charts.open()
    names = await charts.names()
    assert len(names) == 30
    assert await charts.shown() == [ORDERS, VALUE]
    await charts.drag(VALUE, 11, 23)
    assert await charts.shown() == zoomed(names, 11, 23)
    await charts.chart(ORDERS).locator(".u-over").dblclick()
    assert await charts.shown() == [ORDERS, VALUE]


async def test_keys_zoom_around_a_day_and_move_along(charts: Charts) -> None:
    await charts.open()
    names = await charts.names()
    await charts.page.get_by_role("slider", name=VALUE).focus()
    await charts.press("ArrowLeft", "ArrowLeft", "+")  # 15 days, around the 28th
    assert await charts.shown() == zoomed(names, 15, 29)
    await charts.press("+")
    assert await charts.shown() == zoomed(names, 22, 29)
    await charts.press("Home")
    assert await charts.shown() == zoomed(names, 0, 7)
    await charts.press(*["ArrowRight"] * 9)
    assert await charts.shown() == zoomed(names, 2, 9)
    await charts.press("-")
    assert await charts.shown() == zoomed(names, 1, 16)
    await charts.press("End", "Escape")
    assert await charts.shown() == [ORDERS, VALUE]


async def test_buttons_zoom_into_the_middle_and_back(charts: Charts) -> None:
    await charts.open()
    names = await charts.names()
    buttons = [charts.chart(ORDERS).get_by_role("button", name=name) for name in ("Zoom in", "Zoom out", "Reset zoom")]

    async def enabled() -> list[bool]:
        return [await each.is_enabled() for each in buttons]

    async def press(number: int) -> list[str | None]:
        await buttons[number].press("Enter")
        return await charts.shown()

    assert await enabled() == [True, False, False]
    ranges = [(8, 22), (11, 18), (13, 16), (14, 15)]
    for first, last in ranges:
        assert await enabled() == [True, (first, last) != ranges[0], (first, last) != ranges[0]]
        assert await press(0) == zoomed(names, first, last)
    assert await enabled() == [False, True, True]
    assert await charts.page.evaluate("document.activeElement.getAttribute('role')") == "slider"
    for first, last in ranges[-2::-1]:
        assert await press(1) == zoomed(names, first, last)
    assert await press(1) == [ORDERS, VALUE]
    assert await enabled() == [True, False, False]
    await press(0)
    assert await press(2) == [ORDERS, VALUE]
    assert await enabled() == [True, False, False]


async def test_zooming_out_goes_back_to_the_range_that_was_dragged_over(charts: Charts) -> None:
    await charts.open()
    names = await charts.names()
    await charts.drag(VALUE, 11, 23)
    await charts.page.get_by_role("slider", name=VALUE).focus()
    await charts.press("+", "+", "+", "+", "-", "-", "-")
    assert await charts.shown() == zoomed(names, 11, 23)
    await charts.chart(VALUE).get_by_role("button", name="Zoom out").press("Enter")
    assert await charts.shown() == [ORDERS, VALUE]


async def test_hover_shows_the_value_of_a_day(charts: Charts) -> None:
    await charts.open()
    names, orders, values = await charts.names(), await charts.values(ORDERS), await charts.values(VALUE)
    one, none = orders.index("1"), orders.index("0")
    for title, index, value in ((ORDERS, one, "1 order"), (ORDERS, none, "0 orders"), (VALUE, one, values[one])):
        await charts.move_to(title, index)
        assert await charts.tip(title) == [f"{names[index]}: {value}"]
    await charts.page.mouse.move(0, 0)
    assert await charts.tip(VALUE) == []


async def test_focus_shows_the_value_and_reports_it(charts: Charts) -> None:
    await charts.open()
    names, values = await charts.names(), await charts.values(VALUE)
    slider = charts.page.get_by_role("slider", name=VALUE)
    await slider.focus()
    for index in (29, 28):
        expected = f"{names[index]}: {values[index]}"
        assert await charts.tip(VALUE) == [expected]
        assert await slider.get_attribute("aria-valuetext") == expected
        await charts.press("ArrowLeft")
    await slider.blur()
    assert await charts.tip(VALUE) == []


async def test_colors_follow_the_scheme(charts: Charts) -> None:
    await charts.open()
    accents = set()
    for scheme in ("dark", "light"):
        await charts.page.emulate_media(color_scheme=scheme)
        await charts.page.wait_for_function("() => new Promise(requestAnimationFrame)")
        accent = await charts.page.evaluate(ACCENT)
        for canvas in await charts.page.locator("canvas").all():
            assert accent in await canvas.evaluate(COLORS)
        accents.add(accent)
    assert len(accents) == 2


@pytest.mark.parametrize("query", ["", "?period=7", "?period=90", "?period=365", "?currency=JPY"])
async def test_axes_are_those_of_the_charts_of_the_server(query: str, charts: Charts) -> None:
    await charts.open(query, scripts=False)
    expected = await charts.page.locator("figure[data-values] text").all_text_contents()
    await charts.page.add_init_script(f"({RECORD_TEXTS})()")
    await charts.open(query)
    assert sorted(set(await charts.page.evaluate("texts"))) == sorted(set(expected))


@pytest.mark.parametrize("width", [1280, 320])
async def test_nothing_moves_when_the_charts_are_drawn(width: int, charts: Charts) -> None:
    await charts.page.add_init_script(f"({RECORD_SHIFTS})()")
    heights = []
    for scripts in (False, True):
        await charts.open(width=width, scripts=scripts)
        heights.append(await charts.page.evaluate("document.documentElement.getBoundingClientRect().height"))
    assert heights[0] == heights[1]
    await charts.page.get_by_role("button", name="Zoom in").first.click()
    assert await charts.page.evaluate("shifts.map(each => each.value)") == []


async def test_chart_of_the_server_is_printed(charts: Charts) -> None:
    await charts.open()
    svg, canvas = (charts.chart(ORDERS).locator(name) for name in ("figure svg", "canvas"))
    for event, visible in (("", (0, 1)), ("beforeprint", (1, 0)), ("afterprint", (0, 1))):
        await charts.page.evaluate("event => event && dispatchEvent(new Event(event))", event)
        assert (await svg.count(), await canvas.count()) == visible
