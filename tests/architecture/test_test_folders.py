"""tests/README.md says of every folder of tests what it proves, and of no other."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def folders_of(root: Path) -> set[str]:
    """Return the folders below one that hold files, as paths relative to it."""
    files = (
        path
        for path in root.rglob("*")
        if path.is_file() and not re.search(r"/(__pycache__|\.)", path.as_posix().removeprefix(root.as_posix()))
    )
    return {path.parent.relative_to(root).as_posix() for path in files} - {"."}


def linked(page: str) -> set[str]:
    """Return what the relative links of a page's second table lead to."""
    table = page.partition("## What each folder proves")[2].partition("\n## ")[0]
    return set(re.findall(r"\]\(([^)]+)\)", table))


def test_readme_maps_every_folder() -> None:
    assert linked((TESTS / "README.md").read_text("utf-8")) == folders_of(TESTS)


def test_links_of_the_readme_lead_to_folders() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (TESTS / "README.md").read_text("utf-8"))
    assert [link for link in links if not (TESTS / link).is_dir()] == []


def test_finds_a_folder_that_the_readme_omits(tmp_path: Path) -> None:
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain" / "test_money.py").touch()
    (tmp_path / "domain" / "planted").mkdir()
    (tmp_path / "domain" / "planted" / "test_more.py").touch()
    page = "## What each folder proves\n| [domain](domain) | orders |\n## More\n[planted](domain/planted)"
    assert folders_of(tmp_path) - linked(page) == {"domain/planted"}
