"""An optional field of the order, end to end, is three files: the tutorial's own, which is run by test_commands."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.docs.pages import CHECKOUT, blocks_of
from tests.docs.reader import apply

TUTORIAL = CHECKOUT / "docs" / "tutorials" / "start-your-own-service.md"
DIFFS = [block.text for block in blocks_of(TUTORIAL) if block.language == "diff"]
THREE_FILES = {
    "src/orderkeep/domain/entities.py",
    "src/orderkeep/application/dtos.py",
    "src/orderkeep/entrypoints/schemas.py",
}


def test_a_new_field_touches_three_files() -> None:
    diffs = "\n".join(DIFFS)
    assert set(re.findall(r"^\+\+\+ b/(.+)$", diffs, flags=re.MULTILINE)) == THREE_FILES
    assert set(re.findall(r"^--- a/(.+)$", diffs, flags=re.MULTILINE)) == THREE_FILES
    assert re.findall(r"^-(?!-- a/)", diffs, flags=re.MULTILINE) == [], "nothing that stands is changed"


def test_the_openapi_document_has_a_new_field_and_still_holds(
    tmp_path: Path, spectral: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    apply(DIFFS, tmp_path)
    command = [sys.executable, "-m", "orderkeep", "openapi"]
    environment = {"PYTHONPATH": str(tmp_path / "src")}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    document = tmp_path / "openapi.json"
    document.write_text(answer.stdout, encoding="utf-8")

    assert "delivery_note" in answer.stdout
    assert (found := spectral(document)).returncode == 0, found.stdout
