"""An optional field of the order, end to end, is three files: the tutorial's own, which is run by test_commands."""

import re

from tests.docs.pages import CHECKOUT, blocks_of

TUTORIAL = CHECKOUT / "docs" / "tutorials" / "start-your-own-service.md"
THREE_FILES = {
    "src/orderkeep/domain/entities.py",
    "src/orderkeep/application/dtos.py",
    "src/orderkeep/entrypoints/schemas.py",
}


def test_a_new_field_touches_three_files() -> None:
    diffs = "\n".join(block.text for block in blocks_of(TUTORIAL) if block.language == "diff")
    assert set(re.findall(r"^\+\+\+ b/(.+)$", diffs, flags=re.MULTILINE)) == THREE_FILES
    assert set(re.findall(r"^--- a/(.+)$", diffs, flags=re.MULTILINE)) == THREE_FILES
    assert re.findall(r"^-(?!-- a/)", diffs, flags=re.MULTILINE) == [], "nothing that stands is changed"
