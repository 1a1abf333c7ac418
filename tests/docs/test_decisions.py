"""Every decision has the same headings, ends with when it does not apply, and is on the list."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, name_of, prose_of

FOLDER = CHECKOUT / "docs" / "decisions"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))
HEADINGS = ["Status", "Context", "Decision", "Consequences", "When this decision does not apply"]


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_ends_with_when_it_does_not_apply(page: Path) -> None:
    assert re.findall(r"^## (.+)$", prose_of(page), flags=re.MULTILINE) == HEADINGS
    assert page.read_text(encoding="utf-8").rpartition(HEADINGS[-1])[2].strip()


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for page in DECISIONS:
        title = page.read_text(encoding="utf-8").splitlines()[0]
        assert title.startswith(f"# {int(page.name[:4])}. "), page.name


def test_every_decision_is_on_the_list() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]\((.+?)\) \| (.+) \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE
    )
    titles = [page.read_text(encoding="utf-8").splitlines()[0].partition(". ")[2] for page in DECISIONS]
    assert listed == [(page.name[:4], page.name, title) for page, title in zip(DECISIONS, titles, strict=True)]
