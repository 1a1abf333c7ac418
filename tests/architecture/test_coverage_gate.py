"""The gate on the coverage of domain and application fails for one branch that no test takes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

PLUGINS = ("xdist.plugin", "pytest_cov.plugin", "pytest_asyncio.plugin")
"""Of those that are installed, the ones that the options in pyproject.toml need: others take seconds to load."""

CODE = """
def half(number):
    if number % 2:
        number -= 1
    return number // 2
"""
ONE_BRANCH = "from orderkeep.{layer}.numbers import half\n\n\ndef test_odd():\n    assert half(3) == 1\n"
BOTH_BRANCHES = ONE_BRANCH + "    assert half(2) == 1\n"


@pytest.mark.parametrize("layer", ["domain", "application"])
def test_one_branch_not_taken_fails_the_run(tmp_path: Path, layer: str) -> None:
    answer = run_covered(tmp_path, layer, ONE_BRANCH)
    assert "1 passed" in answer.stdout, answer.stdout + answer.stderr
    assert "Required test coverage of 100.0% not reached. Total coverage: 83.33%" in answer.stdout
    assert answer.returncode != 0


def test_every_branch_taken_passes_the_run(tmp_path: Path) -> None:
    answer = run_covered(tmp_path, "domain", BOTH_BRANCHES)
    assert "1 passed" in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == 0


def run_covered(folder: Path, layer: str, test: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(PYPROJECT, folder)
    for package in ("", "domain", "application"):
        (folder / "src" / "orderkeep" / package).mkdir(parents=True)
        (folder / "src" / "orderkeep" / package / "__init__.py").touch()
    (folder / "src" / "orderkeep" / layer / "numbers.py").write_text(CODE, encoding="utf-8")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_numbers.py").write_text(test.format(layer=layer), encoding="utf-8")

    outer = ("COV_", "PYTEST_")  # this run's own, which the inner one would heed
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    environment |= {"PYTHONPATH": str(folder / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = [option for name in PLUGINS for option in ("-p", name)]
    command = [sys.executable, "-m", "pytest", *plugins, "-n", "1", "--cov"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
