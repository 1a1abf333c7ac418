"""Debian's Chromium, driven by Playwright: a new browser for each test, which can reach this machine only."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, async_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)
SECONDS = 60.0
"""Maximum time to wait for anything on a page."""


Browsing = tuple[Page, "Requests"]


class Requests(list[str]):
    """The URLs that a page requested, wherever they are."""

    def outside(self, url: str) -> list[str]:
        """Return those that are not below the URL."""
        return [each for each in self if not each.startswith((f"{url}/", "data:", "blob:"))]


def find_chromium() -> str | None:
    """Return the path of the browser, if it is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@asynccontextmanager
async def browsing(program: str, folder: Path) -> AsyncIterator[Browsing]:
    """Yield an empty page of a browser whose data is in the folder, and the requests that the page makes."""
    requests = Requests()
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder, executable_path=program, args=list(FLAGS), headless=True, accept_downloads=False
        )
        try:
            context.set_default_timeout(SECONDS * 1_000)
            context.on("request", lambda request: requests.append(request.url))
            yield context.pages[0], requests
        finally:
            await context.close()
