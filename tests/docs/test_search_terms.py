"""The terms that users search for are in a heading or the first paragraph of a page."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, prose_of

PAGES = sorted((CHECKOUT / "docs").rglob("*.md"))
TERMS = (
    "authentication", "authorization", "API key", "JWT", "pagination", "filtering", "idempotency", "retry",
    "rate limit", "conflict", "ETag", "optimistic locking", "webhook", "event", "backup", "restore", "migration",
    "upgrade", "Docker", "Kubernetes", "Lambda", "DynamoDB", "PostgreSQL", "import", "export",
)  # fmt: skip


def findable_text(page: Path) -> str:
    """Return the headings and the first paragraph of a page."""
    paragraphs = re.split(r"\n\s*\n", prose_of(page).strip())
    headings = [line for line in prose_of(page).splitlines() if line.startswith("#")]
    first = next((each for each in paragraphs if not each.startswith("#")), "")
    return "\n".join([*headings, first])


def is_findable(term: str, text: str) -> bool:
    stem = re.escape(term[:-1]) + "(?:y|ies)" if term.endswith("y") else re.escape(term) + "s?"
    return re.search(rf"\b{stem}\b", text, flags=re.IGNORECASE) is not None


@pytest.mark.parametrize("term", TERMS)
def test_term_is_in_a_heading_or_first_paragraph(term: str) -> None:
    assert any(is_findable(term, findable_text(page)) for page in PAGES)


def test_term_further_down_a_page_is_not_findable(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Retries\n\nThe first paragraph, on conflicts.\n\nThe second, on webhooks.\n", encoding="utf-8")
    found = [term for term in ("retry", "conflict", "webhook") if is_findable(term, findable_text(page))]
    assert found == ["retry", "conflict"]
