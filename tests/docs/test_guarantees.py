"""Every promise names the tests that attack it; test_links checks that they are there."""

import re

from tests.docs.pages import CHECKOUT

PAGE = CHECKOUT / "docs" / "explanation" / "guarantees.md"


def test_every_promise_names_a_test() -> None:
    promises = re.findall(r"^\| \*\*(.+?)\*\* \|.*\| (.+) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(promises) >= 10
    assert [promise for promise, tests in promises if not re.search(r"`test_\w+`", tests)] == []
