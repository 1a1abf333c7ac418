"""Every link leads somewhere, and every file and test that a page names is there."""

import ast
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, PAGES, name_of, prose_of

OUTSIDE = (
    "https://keepachangelog.com/",
    "https://semver.org/",
    "https://www.rfc-editor.org/",
    "https://diataxis.fr/",
    "https://github.com/cloudevents/spec/",
    "https://www.standardwebhooks.com/",
)
"""Pages link to their own repository, and to standards. Nothing else."""

NOT_FILES = re.compile(r"orders\.db(-wal|-shm)?|\.venv|dist/.*|\.fuzz/|lines/0/.*|/.*")
"""What running makes, pointers into an order, and addresses."""

CLICKS = 2

_LINK = re.compile(r"\[[^\]\[]+\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`(?P<code>[^`\n]+)`")
_PATH = re.compile(r"\.?[\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml|sql|csv|db)")
_TEST = re.compile(r"test_\w+|Test\w+")

PACKAGE = CHECKOUT / "src" / "orderkeep"
TUTORIAL = CHECKOUT / "examples" / "tutorial"


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


def dead_links(page: Path) -> Iterator[str]:
    for link in _LINK.finditer(prose_of(page)):
        target, _, anchor = link["target"].partition("#")
        if "://" in target:
            if not target.startswith(OUTSIDE):
                yield link["target"]
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            yield link["target"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_and_test_that_a_page_names_is_there(page: Path) -> None:
    assert sorted(not_there(page, names_of_tests())) == []


def not_there(page: Path, tests: Collection[str]) -> Iterator[str]:
    for found in _CODE.finditer(prose_of(page)):
        code = found["code"].strip()
        if _TEST.fullmatch(code) and code not in tests:
            yield code
        if _PATH.fullmatch(code) and not _is_there(page, code):
            yield code


def _is_there(page: Path, path: str) -> bool:
    if NOT_FILES.fullmatch(path):
        return True
    if "/" not in path and any(PACKAGE.rglob(path)):
        return True
    chapters = [TUTORIAL, *TUTORIAL.iterdir()] if page.stem == "from-one-file-to-layers" else []
    return any((root / path).exists() for root in (CHECKOUT, PACKAGE, page.parent, *chapters))


@cache
def names_of_tests() -> frozenset[str]:
    """Every test function and test class there is, those of the shipped contract included."""
    files = [*(CHECKOUT / "tests").rglob("*.py"), *(CHECKOUT / "src" / "orderkeep" / "testing").rglob("*.py")]
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return frozenset(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, definitions))


def test_every_page_is_at_most_two_clicks_from_the_index() -> None:
    reached = {CHECKOUT / "docs" / "index.md", CHECKOUT / "README.md"}
    for _ in range(CLICKS):
        reached |= {linked for page in reached for linked in pages_linked_from(page)}
    assert [name_of(page) for page in PAGES if page not in reached] == []


def pages_linked_from(page: Path) -> Iterator[Path]:
    for link in _LINK.finditer(prose_of(page)):
        target = link["target"].partition("#")[0]
        if target.endswith(".md") and "://" not in target:
            yield (page.parent / target).resolve()


def test_dead_links_and_names_of_nothing_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading\n[a](nowhere.md) [b](#one-heading) [c](#no-heading) [d](https://example.com/)\n"
        "`src/orderkeep/nothing.py` `domain/entities.py` `test_of_nothing`\n",
        encoding="utf-8",
    )
    assert list(dead_links(page)) == ["nowhere.md", "#no-heading", "https://example.com/"]
    assert list(not_there(page, {"test_of_something"})) == ["src/orderkeep/nothing.py", "test_of_nothing"]


def test_the_readme_stays_short() -> None:
    assert len((CHECKOUT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
