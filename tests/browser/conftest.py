"""What the tests in a browser share."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import not_here

if TYPE_CHECKING:
    from tests.servers.chromium import Browsing


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator["Browsing"]:
    """An empty page of a new browser, and the requests that the page makes."""
    from tests.servers.chromium import browsing, find_chromium  # here: Playwright takes long to import

    program = find_chromium()
    if program is None:
        not_here("Chromium is not installed: run `apt-get install chromium` as root")
    async with browsing(program, tmp_path / "chromium") as found:
        yield found
