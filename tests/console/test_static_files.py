"""The console's own files: small, cached by their content, and complete."""

import gzip
import re

import pytest

from orderkeep.entrypoints.console.rendering import ICONS, STATUSES
from orderkeep.entrypoints.console.static_files import FOLDER, static_file
from tests.console.console_calls import console

CSS_LIMIT, PAGE_LIMIT = 10_240, 60_000


async def test_every_file_of_a_page_is_served_and_cached() -> None:
    async with console() as browser:
        page = await browser.open()
        files = [each.get("src") or each.get("href") for tag in ("script", "link") for each in page.all(tag)]
        assert len(files) == 4
        for path in filter(None, files):
            response = await browser.client.get(path, headers={"Accept-Encoding": "gzip"})
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert response.headers["content-encoding"] == "gzip"
            plain = await browser.client.get(path, headers={"Accept-Encoding": "identity"})
            assert "content-encoding" not in plain.headers
            assert plain.content == response.content
            assert plain.headers["x-content-type-options"] == "nosniff"


async def test_charts_are_loaded_on_the_statistics_page_only() -> None:
    async with console() as browser:
        found = {
            path: [each.get("src", "") for each in (await browser.open(path)).all("script")]
            for path in ("/console/statistics", "/", "/console/system")
        }
        of_charts = [static_file(name).path for name in ("uPlot.iife.min.js", "charts.js")]
        assert {path: [each for each in paths if each in of_charts] for path, paths in found.items()} == {
            "/console/statistics": of_charts, "/": [], "/console/system": [],
        }  # fmt: skip
        for path in (*of_charts, static_file("uPlot.min.css").path):
            assert (await browser.client.get(path)).status_code == 200


@pytest.mark.parametrize("name", ["console.css", "console-000000000000.css", "README.md", "..%2F__init__.py"])
async def test_no_other_file_is_served(name: str) -> None:
    async with console() as browser:
        assert (await browser.client.get(f"/console/static/{name}")).status_code == 404


async def test_page_of_fifty_orders_is_light() -> None:
    async with console() as browser:
        page = await browser.send(await browser.open(), "/console/load-samples")
        paths = [each.get("src") or each.get("href") or "" for tag in ("script", "link") for each in page.all(tag)]
        contents = [page.response.content, *[(await browser.client.get(path)).content for path in paths]]
        assert sum(len(gzip.compress(each)) for each in contents) <= PAGE_LIMIT


def test_style_sheet_is_small() -> None:
    assert len((FOLDER / "console.css").read_bytes()) <= CSS_LIMIT


@pytest.mark.parametrize("name", ["console.js", "charts.js", "export.js"])
def test_own_script_evaluates_no_text(name: str) -> None:
    script = (FOLDER / name).read_text("utf-8")
    assert not re.search(r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)


def test_each_status_has_an_icon() -> None:
    assert {symbol for _, symbol, _ in STATUSES.values()} <= ICONS.keys()
