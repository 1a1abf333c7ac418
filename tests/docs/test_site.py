"""`make docs`: the site builds without a warning, needs no network, and its search finds what users look for."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import CHECKOUT, PAGES

TERMS = """authentication, authorization, API key, JWT, pagination, filtering, idempotency, retry, rate limit, conflict,
ETag, optimistic locking, webhook, event, backup, restore, migration, upgrade, Docker, Kubernetes, Lambda, DynamoDB,
PostgreSQL, import, export""".replace("\n", " ").split(", ")
"""Search terms of users. Each must be in the title of a page or of a section, which the search ranks first."""


def build(checkout: Path, target: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(checkout / "tools" / "docs")]
    command = [*sphinx, "-d", str(folder), str(checkout), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    built = build(CHECKOUT, folder / "site", folder / "doctrees")
    assert (built.returncode, built.stderr) == (0, "")
    return folder / "site"


class Page(HTMLParser):
    """The links, the resources and the anchors of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.links: list[str] = []
        self.resources: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors |= {given["id"]} if "id" in given else set()
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"script", "img", "link", "iframe"}:
            self.resources += [given[name] for name in ("src", "href") if name in given]


def test_site_contains_every_page(site: Path) -> None:
    missing = [page for page in PAGES if not (site / page.relative_to(CHECKOUT)).with_suffix(".html").is_file()]
    assert missing == []


def test_all_links_resolve_and_no_resource_is_external(site: Path) -> None:
    pages = {file.resolve(): Page(file) for file in site.rglob("*.html")}
    assert len(pages) > len(PAGES)
    wrong = []
    for file, page in pages.items():
        for link in (*page.links, *page.resources):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                wrong += [(file.name, link)] if link in page.resources else []
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchors = pages[target].anchors if target in pages else {parts.fragment}
            if not target.is_file() or (parts.fragment and parts.fragment not in anchors):
                wrong.append((file.name, link))
    assert wrong == []


def test_search_finds_each_term_in_a_title(site: Path) -> None:
    script = (site / "searchindex.js").read_text("utf-8")
    index: dict[str, Any] = json.loads(script.removeprefix("Search.setIndex(").removesuffix(")"))
    titles = " | ".join(index["alltitles"]).lower().replace("-", " ")
    assert [term for term in TERMS if not re.search(rf"\b{term.lower()}", titles)] == []
