"""Take the pictures of the console that the documentation shows: `python -m tools.screenshots`.

It does what docs/tutorials/the-console.md describes, in Debian's Chromium, on the sample orders.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from playwright.async_api import Locator, Page

from orderkeep.bootstrap import bootstrap
from tests.browser.console_pages import open_tab, served
from tests.servers.chromium import find_chromium

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1200, 720
SELLER = "Lamp & Chair\\nHafenstraße 12\\n20457 Hamburg"


class Camera:
    """Takes pictures of a page into a folder."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder = page, folder

    async def take(self, name: str) -> None:
        """Write a picture, `console-NAME.png`, without what has the focus."""
        await self.page.evaluate("scrollTo(0, 0)")
        await self.page.wait_for_load_state("networkidle")
        await self.page.screenshot(path=self.folder / f"console-{name}.png", animations="disabled", caret="hide")


async def take_pictures(program: str, folder: Path) -> None:
    """Run the tutorial and write a picture of each step."""
    do = bootstrap("memory://", documents_url="memory://", seller=SELLER.replace("\\n", "\n"))
    async with served(do, seller=SELLER) as url, open_tab(program) as tab:
        page, camera = tab.page, Camera(tab.page, folder)
        await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        await page.goto(url)
        await camera.take("empty")
        await page.get_by_role("button", name="Load sample orders").click()
        await page.get_by_text("60 sample orders were placed.").wait_for()
        await page.goto(url)
        await camera.take("orders")
        await page.get_by_label("Search orders").fill("anna@example.com")
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile("q=anna"))
        await camera.take("search")
        await page.get_by_role("link", name="web-1042").click()
        await page.get_by_role("heading", name="web-1042").wait_for()
        await camera.take("order")
        await refund(await dialog_of(page, "Refund…"), camera)
        await cancel(await dialog_of(page, "Cancel lines…"), camera)
        await ship(await dialog_of(page, "Ship the rest…"), camera)
        await camera.take("order-shipped")
        await page.get_by_role("button", name="Issue receipt", exact=True).click()
        await page.get_by_role("status").get_by_role("link", name="Open").click()
        await page.wait_for_url(re.compile("/documents/"))
        await camera.take("receipt")


async def dialog_of(page: Page, action: str) -> Locator:
    """Open the dialog of an action."""
    await page.get_by_role("link", name=action, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    await dialog.wait_for()
    return dialog


async def refund(dialog: Locator, camera: Camera) -> None:
    """Refund half."""
    await dialog.get_by_label("Amount in EUR").fill("1095.94")
    await dialog.get_by_label("Reason").fill("goodwill")
    await dialog.get_by_label("Reference").focus()
    await dialog.get_by_role("button", name="Refund €1,095.94").wait_for()
    await camera.take("refund")
    await dialog.get_by_role("button", name="Refund €1,095.94").click()
    await camera.page.get_by_text("The refund of €1,095.94 was added.").wait_for()


async def cancel(dialog: Locator, camera: Camera) -> None:
    """Cancel a line."""
    await dialog.get_by_label("Units of Bulb E27, warm white").fill("1")
    await dialog.get_by_label("Reason").fill("out_of_stock")
    await dialog.get_by_label("Note").focus()
    await dialog.get_by_role("button", name="Cancel 1 unit").wait_for()
    await camera.take("cancel-lines")
    await dialog.get_by_role("button", name="Cancel 1 unit").click()
    await camera.page.get_by_text("1 unit was cancelled.").wait_for()


async def ship(dialog: Locator, camera: Camera) -> None:
    """Ship the rest with a tracking number."""
    await dialog.get_by_label("Carrier").fill("DHL")
    await dialog.get_by_label("Tracking number").fill("JD014600006281230704")
    await dialog.get_by_label("Tracking link").focus()
    await camera.take("ship")
    await dialog.get_by_role("button", name="Ship").click()
    await camera.page.get_by_text("The rest was shipped.").wait_for()


def main() -> None:
    """Write the pictures into docs/images."""
    program = find_chromium()
    if program is None:
        sys.exit("Chromium is not installed: run `apt-get install chromium` as root")
    asyncio.run(take_pictures(program, IMAGES))
    for path in sorted(IMAGES.glob("console-*.png")):
        print(f"{path.stat().st_size // 1_000:4} KB {path.name}")


if __name__ == "__main__":
    main()
