"""Each page of the console in a browser, light and dark, wide and narrow, with and without JavaScript: it is
accessible, without errors, and makes no request to another host.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from orderkeep.bootstrap import bootstrap
from orderkeep.domain.personal_data import Customer, PersonalData
from orderkeep.entrypoints.sample_orders import store_samples
from orderkeep.infrastructure.html_receipts import HtmlReceipts
from orderkeep.testing.orders import place_command
from tests.browser.console_pages import LOOKS, NO_PAGES, Shops, open_shops
from tests.console.console_calls import served
from tests.infrastructure.receipt_samples import PENDING, SELLER, hostile_order

if TYPE_CHECKING:
    from tests.browser.console_pages import Tab

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = (Path(__file__).with_name("axe") / "axe.min.js").read_text(encoding="utf-8")
RUN_AXE = """async rules => (await axe.run(document, {
    resultTypes: ["violations"], ...(rules.length ? {runOnly: {type: "rule", values: rules}} : {})}))
    .violations.flatMap(rule => rule.nodes.map(
        node => `${rule.id}: ${node.target.join(" ")}: ${node.html.slice(0, 160)}`))"""
OVERFLOW = "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
"""By how much a page is wider than the window."""
OUTSIDE = """() => [...document.querySelectorAll("th, td")].map(cell => [cell, cell.getBoundingClientRect()])
    .filter(([cell, box]) => box.left < 4 || box.right > innerWidth - 4 || cell.scrollWidth > cell.clientWidth)
    .map(([cell]) => cell.textContent.slice(0, 40))"""
"""The cells of tables that are cut off, or have no margin."""
CUT_LABELS = """() => [...document.querySelectorAll("label")].filter(each => each.scrollHeight > each.clientHeight)
    .map(each => each.textContent)"""
"""The labels of fields that have more lines than their height."""
CARDS = """() => [...document.querySelectorAll(".cards")].flatMap(table => {
    const heads = [...table.querySelectorAll("thead > tr > *")].map(
        head => head.querySelector(".vh") ? "" : head.textContent.trim());
    const cells = [...table.querySelectorAll("tbody tr > td")].filter(
        cell => !table.matches(".list") && cell.colSpan === 1 && heads[cell.cellIndex]);
    const wide = table.scrollWidth > table.parentElement.clientWidth ? [`${table.caption.textContent} scrolls`] : [];
    return [...wide, ...cells.filter(cell => cell.dataset.l !== heads[cell.cellIndex]).map(
        cell => `cell of ${heads[cell.cellIndex]} has the label ${cell.dataset.l}`)];
})"""
"""What is wrong with the cards that tables are on a narrow page: they are too wide, or a cell has not the label of its
column. The cards of orders have no labels.
"""

WIDTHS = (1280, 320)
SCHEMES = ("light", "dark")
OF_COLORS = ["color-contrast", "link-in-text-block"]
"""The rules of axe whose result depends on colors. The others are the same in each scheme."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shops() -> AsyncIterator[Shops]:
    async with open_shops() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tab(chromium: str) -> AsyncIterator[Tab]:
    from tests.browser.console_pages import open_tab

    async with open_tab(chromium) as found:
        yield found


async def faults_of(tab: Tab) -> list[str]:
    """Return what is wrong with the page, at each width and in each color scheme."""
    found = []
    await tab.page.evaluate(AXE)
    for width in WIDTHS:
        await tab.page.set_viewport_size({"width": width, "height": 800})
        if excess := await tab.page.evaluate(OVERFLOW):
            found.append(f"{width} px: {excess} px too wide")
        for scheme in SCHEMES:
            await tab.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            rules = [] if scheme == SCHEMES[0] else OF_COLORS
            found += [f"{width} px, {scheme}: {each}" for each in await tab.page.evaluate(RUN_AXE, rules)]
    return [*found, *await tab.page.evaluate(CARDS)]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("name", LOOKS)
async def test_page_is_accessible_and_complete(name: str, scripts: bool, tab: Tab, shops: Shops) -> None:
    look = LOOKS[name]
    await tab.look_at(look, shops, scripts=scripts)
    assert tab.status == look.status
    assert await faults_of(tab) == []
    assert tab.console == []
    assert tab.requests.outside(shops.urls[look.on]) == []


async def test_receipt_is_complete_on_a_phone(tab: Tab) -> None:
    for order in (hostile_order(), replace(PENDING, total=10**14, current_total=10**14)):
        content = (await HtmlReceipts(SELLER).render(order)).decode()
        await tab.page.set_viewport_size({"width": 320, "height": 800})
        await tab.page.goto("about:blank")  # or the policy of the page before applies, which blocks its style
        await tab.page.set_content(content)
        assert await tab.page.evaluate(OVERFLOW) == 0
        assert await tab.page.evaluate(OUTSIDE) == []


async def test_long_values_and_labels_are_complete_on_a_phone(tab: Tab) -> None:
    do = bootstrap("memory://", documents_url="memory://")
    await store_samples(do, 60)
    customer = Customer(email=f"{'a' * 60}@{'b' * 19}.com")
    placed = await do.place_order.execute(replace(place_command(), personal=PersonalData(customer=customer)))
    await tab.page.set_viewport_size({"width": 320, "height": 800})
    async with served(do) as url:
        await tab.page.goto(f"{url}/console/orders/{placed.order_id}")
        assert await tab.page.evaluate(OVERFLOW) == 0
        await tab.page.goto(f"{url}/console/new-order")
        assert await tab.page.evaluate(CUT_LABELS) == []
        await tab.page.goto(f"{url}/console/statistics")
        values = tab.page.get_by_role("figure").locator("text.v")
        assert await values.count() > 10
        assert await values.evaluate_all("all => all.every(each => each.getBoundingClientRect().right < innerWidth)")


async def test_actions_are_beside_the_lines_or_above_them_on_a_phone(tab: Tab, shops: Shops) -> None:
    await tab.look_at(LOOKS["order"], shops)

    async def boxes(width: int) -> list[dict[str, float]]:
        await tab.page.set_viewport_size({"width": width, "height": 800})
        regions = [tab.page.get_by_role("region", name=name, exact=True) for name in ("Actions", "Lines", "Customer")]
        found = [await each.bounding_box() for each in regions]
        return [{"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]} for box in found if box]

    actions, lines, customer = await boxes(1280)
    assert (actions["y"], actions["x"]) == (lines["y"], customer["x"])
    assert lines["x"] + lines["width"] < actions["x"]
    assert 0 < customer["y"] - actions["y"] - actions["height"] < 40
    actions, lines, customer = await boxes(320)
    assert actions["y"] + actions["height"] < lines["y"]
    assert lines["y"] + lines["height"] < customer["y"]


async def test_zoomed_chart_is_accessible(tab: Tab, shops: Shops) -> None:
    await tab.look_at(LOOKS["statistics"], shops)
    await tab.page.get_by_role("button", name="Zoom in").first.click()
    await tab.page.get_by_role("slider").first.focus()
    assert await faults_of(tab) == []
    assert tab.console == []


TABLE = """document.querySelector("main").innerHTML = `<div class="wide"><table class="cards"><caption>Orders</caption>
    <thead><tr><th>Order</th><th>Total</th></tr></thead><tbody><tr><th>1</th><td data-l="{label}">9</td></tr></tbody>
    </table></div>`; document.querySelector("table").style = "{style}" """


@pytest.mark.parametrize(
    "planted, fault",
    [
        ('document.querySelector("h1").innerHTML = "<img src=data:,>"', "light: image-alt"),
        ('document.querySelector("p, h1").style.color = "#ccc"', "light: color-contrast"),
        ('document.querySelector("p, h1").style.color = "#333"', "dark: color-contrast"),
        ('document.querySelector("main").style.width = "2000px"', "too wide"),
        (TABLE.format(style="width: 900px", label="Total"), "Orders scrolls"),
        (TABLE.format(style="", label="Sum"), "cell of Total has the label Sum"),
    ],
)
async def test_finds_a_planted_fault(planted: str, fault: str, tab: Tab, shops: Shops) -> None:
    await tab.look_at(LOOKS["sign in"], shops)
    await tab.page.evaluate(planted)
    assert fault in " ".join(await faults_of(tab))


INLINE = 'const it = document.createElement("script"); it.text = "1"; document.body.append(it)'


@pytest.mark.parametrize("planted", [INLINE, "missing()"])
async def test_finds_a_planted_error(planted: str, tab: Tab, shops: Shops) -> None:
    await tab.look_at(LOOKS["sign in"], shops)
    await tab.page.evaluate(f"setTimeout(() => {{ {planted} }})")
    await tab.page.wait_for_timeout(50)
    assert tab.console


async def test_every_page_is_looked_at() -> None:
    from orderkeep.entrypoints.console import SCREENS
    from orderkeep.entrypoints.console.pages import Menu

    paths = [look.path.partition("?")[0] for look in LOOKS.values()]
    routes: list[Any] = [route for screen in SCREENS for route in screen.routes_in(Menu(SCREENS))]
    pages = [route for route in routes if "GET" in route.methods and route.path not in NO_PAGES]
    assert [route.path for route in pages if not any(map(route.path_regex.match, paths))] == []
