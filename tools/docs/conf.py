"""Sphinx configuration of `make docs`: the Markdown pages of this repository as a site that works without a network.

Navigation comes from the pages themselves: the links below each heading of an index page are a section of the sidebar.
"""

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from sphinx.application import Sphinx

CHECKOUT = Path(__file__).resolve().parents[2]
INDEXES = ("docs/index", "docs/decisions/README")

with (CHECKOUT / "pyproject.toml").open("rb") as file:
    release = tomllib.load(file)["project"]["version"]

project = "orderkeep"
html_title = f"orderkeep {release}"
root_doc = "docs/index"
include_patterns = [
    *("docs/**.md", "*.md"),
    *("benchmarks/README.md", "clients/*/README.md", "examples/*/README.md", "tests/README.md"),
]
extensions = ["myst_parser"]
myst_heading_anchors = 4
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # blocks that are excerpts, such as a part of a function
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_extra_path = ["extra"]  # index.html, which leads to the start page

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_ENTRY = re.compile(r"\]\(([^)#:]+)\.md\)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#:]+)\)")


def _prepare(app: Sphinx, page: str, source: list[str]) -> None:
    folder = PurePosixPath(page).parent
    source[0] = _without_links_to_folders(folder, source[0])
    if page in INDEXES:
        source[0] += _navigation(folder, source[0])


def _without_links_to_folders(folder: PurePosixPath, text: str) -> str:
    return _LINK.sub(lambda link: link[1] if (CHECKOUT / folder / link[2]).is_dir() else link[0], text)


def _navigation(folder: PurePosixPath, text: str) -> str:
    """Return a section of the sidebar for each heading of an index page; without headings, one for the page."""
    introduction, *sections = _HEADING.split(text)
    sections = sections or ["", introduction]
    toctrees = []
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        pages = [(CHECKOUT / folder / entry).resolve() for entry in _ENTRY.findall(body)]
        if pages:
            entries = [f"/{page.relative_to(CHECKOUT)}" for page in pages]
            caption = [f":caption: {heading}"] if heading else []
            toctrees += ["```{toctree}", ":hidden:", *caption, "", *dict.fromkeys(entries), "```"]
    return "\n".join(["", "", *toctrees, ""])


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("source-read", _prepare)
    return {"parallel_read_safe": True}
