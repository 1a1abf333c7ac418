"""The import contracts are kept, and each of them finds a planted violation."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_contracts_are_kept() -> None:
    linted = lint(FOLDER)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    "file, line, contract",
    [
        ("domain/entities.py", "import application.use_cases", "Dependencies point inward BROKEN"),
        ("entrypoints/cli.py", "import infrastructure.memory_repo", "Only bootstrap imports the infrastructure BROKEN"),
        ("domain/entities.py", "import fastapi", "Domain and application know no framework and no database BROKEN"),
    ],
)
def test_planted_violation_is_found(tmp_path: Path, file: str, line: str, contract: str) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "copy")
    with (copy / file).open("a") as module:
        module.write(f"\n{line}\n")
    linted = lint(copy)
    assert contract in " ".join(linted.stdout.split())
    assert linted.returncode == 1
