"""Every promise names the tests that attack it; test_links checks that they are there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, name_of

PAGES = {CHECKOUT / "docs" / "explanation" / "guarantees.md": 10, CHECKOUT / "SECURITY.md": 5}
"""The pages that promise something, and how many promises there are at least."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_promise_names_a_test(page: Path) -> None:
    promises = re.findall(r"^\| \*\*(.+?)\*\* \|.*\| (.+) \|$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(promises) >= PAGES[page]
    assert [promise for promise, tests in promises if not re.search(r"`test_\w+`", tests)] == []
