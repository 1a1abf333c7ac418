"""The console of a service that `orderkeep new` creates: accessible, and usable by keyboard, without scripts."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.test_console_pages import AXE, OVERFLOW, RUN_AXE, SCHEMES, WIDTHS
from tests.new_service.generated import BIN, created

if TYPE_CHECKING:
    from tests.servers.chromium import Browsing


STATUSES = re.compile(r"the server responded with a status of (404|412) ")
"""What Chromium reports of the pages of errors."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The URL of a service with the part console."""
    folder = created(tmp_path, "memory,http,console")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "src", "SHOP_PORT": "0"}
    command: list[Path | str] = [BIN / "python", "-m", "shop.entrypoints.api.server"]
    server = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        lines = iter(server.stderr.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://[\d.:]+", line)))
    finally:
        server.terminate()
        server.communicate(timeout=30)


async def test_pages_are_accessible_and_a_command_is_run(service: str, browser: "Browsing") -> None:
    page, requests = browser
    problems: list[str] = []
    page.on("console", lambda text: problems.append(text.text) if text.type in ("error", "warning") else None)
    faults: dict[str, list[str]] = {}

    async def check(name: str) -> None:
        await page.evaluate(AXE)
        faults[name] = []
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            if excess := await page.evaluate(OVERFLOW):
                faults[name].append(f"{width} px: {excess} px too wide")
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                faults[name] += [f"{width} px, {scheme}: {each}" for each in await page.evaluate(RUN_AXE, [])]

    await page.goto(f"{service}/console/")
    await check("empty")
    for number in range(51):
        placed = await page.request.post(f"{service}/bookings", data={"name": f"Room {number} {'x' * 150}"})
        assert placed.ok
    await page.get_by_role("link", name="Pending").click()
    await check("list")
    await page.get_by_role("link", name="Older").click()
    await page.get_by_role("link", name="Room 0").click()
    await check("one")
    stale = await page.get_by_role("button", name="Cancel").evaluate("button => button.form.action")
    await page.get_by_role("button", name="Confirm").focus()
    await page.keyboard.press("Enter")
    await page.get_by_text("Confirmed").wait_for()
    assert await page.get_by_role("button").all_text_contents() == ["Cancel"]
    await page.get_by_role("button", name="Cancel").evaluate("(button, url) => button.form.action = url", stale)
    await page.get_by_role("button", name="Cancel").click()
    assert "is at version 2, not 1" in await page.get_by_role("alert").inner_text()
    await check("error")
    await page.goto(f"{service}/console/bookings/unknown")
    await check("not found")
    assert faults == {name: [] for name in ("empty", "list", "one", "error", "not found")}
    assert [each for each in problems if not STATUSES.search(each)] == []
    assert requests.outside(service) == []
