"""`make screenshots`: the steps of the tutorial work, and take the pictures that are in docs/images."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
IMAGES = CHECKOUT / "docs" / "images"
LARGEST_PICTURE = 150_000


def test_takes_each_picture_of_the_documentation(chromium: str, tmp_path: Path) -> None:
    from tools.screenshots import take_pictures

    asyncio.run(take_pictures(chromium, tmp_path))
    taken = {path.name for path in tmp_path.iterdir()}
    assert taken == {path.name for path in IMAGES.glob("console-*.png")}
    tutorial = (CHECKOUT / "docs" / "tutorials" / "the-console.md").read_text("utf-8")
    assert set(re.findall(r"console-[a-z-]+\.png", tutorial)) == taken


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in IMAGES.glob("console-*.png")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > LARGEST_PICTURE} == {}
