"""What the tests in a browser share."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.chromium import Browsing


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. Without it, the tests fail, unless they are left out on purpose."""
    from tests.servers.chromium import find_chromium  # here: Playwright takes long to import

    if os.environ.get("ORDERKEEP_TEST_BROWSER") == "off":
        pytest.skip("ORDERKEEP_TEST_BROWSER leaves out the tests in Chromium")
    program = find_chromium()
    if program is None:
        pytest.fail(
            "Chromium is not installed: run `apt-get install chromium` as root, or leave these tests out with "
            "ORDERKEEP_TEST_BROWSER=off",
            pytrace=False,
        )
    return program


@pytest.fixture
async def browser(chromium: str, tmp_path: Path) -> AsyncIterator["Browsing"]:
    """An empty page of a new browser, and the requests that the page makes."""
    from tests.servers.chromium import browsing

    async with browsing(chromium, tmp_path / "chromium") as found:
        yield found
