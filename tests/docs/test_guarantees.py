"""Every promise names the tests that attack it; test_links checks that they are there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, name_of

EXPLANATION = CHECKOUT / "docs" / "explanation"
PAGES = {EXPLANATION / "guarantees.md": 10, EXPLANATION / "threat-model.md": 40, CHECKOUT / "SECURITY.md": 5}
"""The pages that promise something, and how many promises or threats there are at least."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_promise_names_a_test(page: Path) -> None:
    promises = re.findall(
        r"^\| \*\*(.+?)\*\*[^|]* \|.*\| (.+) \|$", page.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(promises) >= PAGES[page]
    assert [promise for promise, tests in promises if not re.search(r"`test_\w+`", tests)] == []
