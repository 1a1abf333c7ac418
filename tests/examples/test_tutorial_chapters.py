"""Every chapter of the tutorial passes its own tests, and fails them if one of its lines is wrong."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[2]
TUTORIAL = CHECKOUT / "examples" / "tutorial"
CHAPTERS = sorted(path.name for path in TUTORIAL.iterdir() if path.is_dir() and path.name[0].isdigit())
LAYERS = "application|bootstrap|domain|entrypoints|infrastructure|service"

RUN_TESTS = """
import contextlib, io, json, os, sys
import fastapi, httpx, pytest, pytest_asyncio.plugin  # loaded once, for all chapters

for folder in sys.argv[1:]:
    reader, writer = os.pipe()
    if not os.fork():
        os.chdir(folder)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = int(pytest.main(["-qx", "--tb=line", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin"]))
        os.write(writer, json.dumps([folder, code, printed.getvalue()[-4000:]]).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as results:
        print(results.read(), flush=True)
    os.wait()
"""
"""Runs the tests of each folder in a process of its own, because chapters have modules of the same names."""


class Bug(NamedTuple):
    chapter: str
    file: str
    there: str
    instead: str


BUGS = [
    Bug("00-one-file", "service.py", 'row["status"] != "pending"', 'row["status"] == "cancelled"'),
    Bug("01-entity", "domain/entities.py", 'return self.status == "pending"', "return True"),
    Bug("01-entity", "service.py", "(order.status, order.id)", '("pending", order.id)'),
    Bug("02-repository-port", "infrastructure/sqlite_repo.py", "INSERT OR REPLACE", "INSERT OR IGNORE"),
    Bug("03-memory-store", "infrastructure/memory_repo.py", "order and replace(order)", "order"),
    Bug("03-memory-store", "infrastructure/sqlite_repo.py", 'row["total"], row["status"]', '0, row["status"]'),
    Bug(
        "04-use-case",
        "application/use_cases.py",
        "order.cancel()\n        await self.repo.save(order)",
        "order.cancel()",
    ),
    Bug("04-use-case", "entrypoints/api.py", "404 if", "422 if"),
    Bug("05-versions", "infrastructure/sqlite_repo.py", " AND version = :version", ""),
    Bug("05-versions", "infrastructure/memory_repo.py", "raise ConcurrentUpdate(order.id)", "pass"),
    Bug("05-versions", "application/use_cases.py", "suppress(ConcurrentUpdate)", "suppress()"),
    Bug("06-second-entrypoint", "entrypoints/cli.py", "return 1", "return 0"),
    Bug("06-second-entrypoint", "entrypoints/api.py", "use_cases.ship_order", "use_cases.cancel_order"),
    Bug(
        "07-gates",
        "pyproject.toml",
        '"entrypoints", "bootstrap", "infrastructure", "application", "domain"]\n\n',
        '"domain"]\n\n',
    ),
    Bug(
        "07-gates",
        "domain/entities.py",
        "from datetime import datetime",
        "from datetime import datetime\n\nimport fastapi",
    ),
]
"""Lines that are changed in a copy of a chapter, whose tests must find it."""


class Result(NamedTuple):
    exit_code: int
    printed: str


def copy_of(chapter: str, folder: Path) -> Path:
    return shutil.copytree(TUTORIAL / chapter, folder, ignore=shutil.ignore_patterns("__pycache__", ".*", "*.db"))


def run_tests(folders: Iterable[Path]) -> dict[Path, Result]:
    """Run the tests of each folder, without plugins of this environment that a reader does not have."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER"):
        environment.pop(name, None)
    command = [sys.executable, "-c", RUN_TESTS, *map(str, folders)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(folder): Result(code, printed) for folder, code, printed in results}


def test_every_chapter_passes_its_tests(tmp_path: Path) -> None:
    results = run_tests([copy_of(chapter, tmp_path / chapter) for chapter in CHAPTERS])
    assert len(results) == 8
    assert [result.printed for result in results.values() if result.exit_code] == []


def test_chapter_with_a_planted_bug_fails_its_tests(tmp_path: Path) -> None:
    folders = {}
    for number, bug in enumerate(BUGS):
        folder = copy_of(bug.chapter, tmp_path / f"{number}")
        text = (folder / bug.file).read_text("utf-8")
        assert bug.there in text, f"{bug.chapter}/{bug.file} has changed: plant another bug"
        (folder / bug.file).write_text(text.replace(bug.there, bug.instead), "utf-8")
        folders[folder] = bug
    results = run_tests(folders)
    assert [
        folders[folder] for folder, result in results.items() if result.exit_code != pytest.ExitCode.TESTS_FAILED
    ] == []
    assert len(results) == len(BUGS)


def test_every_chapter_has_a_planted_bug() -> None:
    assert {bug.chapter for bug in BUGS} == set(CHAPTERS)


def test_types_are_correct_and_a_planted_error_is_found(tmp_path: Path) -> None:
    """All chapters are checked in one run, each as a package, because their modules have the same names."""
    for chapter in CHAPTERS:
        package = "chapter_" + chapter[:2]
        for file in copy_of(chapter, tmp_path / package).rglob("*.py"):
            text = re.sub(rf"^from ({LAYERS})\b", rf"from {package}.\1", file.read_text("utf-8"), flags=re.MULTILINE)
            file.write_text(text, "utf-8")
    planted = "from chapter_07.domain.entities import Order\n\nOrder.place(1)\n"
    (tmp_path / "chapter_07" / "planted.py").write_text(planted, "utf-8")
    options = ["--config-file", str(CHECKOUT / "pyproject.toml"), "--cache-dir", str(CHECKOUT / ".mypy_cache")]
    command = [sys.executable, "-m", "mypy", *options, "."]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert [line for line in printed.splitlines() if "error:" in line and "planted.py" not in line] == []
    assert "chapter_07/planted.py:3: error: Missing positional arguments" in printed
