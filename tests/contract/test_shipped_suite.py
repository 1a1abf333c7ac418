"""The contract as an author of another store uses it: in their folder, with their settings and their store."""

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import orderkeep.testing
from orderkeep.testing import OrderStoreContract

IMPORTS = """
from collections.abc import AsyncIterator

import pytest_asyncio

from orderkeep.application.ports import OrderStore
from orderkeep.bootstrap.stores import open_store
from orderkeep.testing import OrderStoreContract
"""
DOCUMENTED = dedent("".join(re.findall(r"^ {4}.*\n", orderkeep.testing.__doc__ or "", flags=re.MULTILINE)))
"""The example of the package's docstring."""

FORGETFUL = "store.get_change = lambda order_id, version: store.get_change_at(order_id, store._feed[-1].at)"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the other plugins of this checkout take seconds to load
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def pytest_in(folder: Path, fault: str) -> subprocess.CompletedProcess[str]:
    opened = f'open_store("memory://")\n        {fault}'
    assert "MyStore(...)" in DOCUMENTED
    (folder / "test_theirs.py").write_text(IMPORTS + DOCUMENTED.replace("MyStore(...)", opened), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = strict\n", encoding="utf-8")
    return run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", "test_theirs.py")


def test_a_sound_store_passes_it_whole(tmp_path: Path) -> None:
    answer = pytest_in(tmp_path, fault="")
    tests = [name for name in dir(OrderStoreContract) if name.startswith("test_")]
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(tests)} passed" in answer.stdout


def test_failure_of_a_faulty_store_shows_expected_and_actual(tmp_path: Path) -> None:
    answer = pytest_in(tmp_path, FORGETFUL)
    assert answer.returncode == 1
    assert "test_gives_a_change_by_its_version" in answer.stdout
    assert "AssertionError: assert ChangeDTO(" in answer.stdout
