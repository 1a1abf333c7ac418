"""Imports point inward; and each contract is seen broken by a planted violation."""

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application import output, use_cases

ROOT = Path(__file__).parents[2]
PYPROJECT = ROOT / "pyproject.toml"
CONTRACTS = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]

INWARD = "Dependencies point inward"
STANDARD_LIBRARY = "Domain and application import the standard library only"
ACYCLIC = "No circular imports"
ADAPTERS = "Only bootstrap imports the adapters"
INDEPENDENT = "No adapter imports another"
SETTINGS = "Only bootstrap and entrypoints import the settings"
PYDANTIC_SETTINGS = "Only config imports pydantic-settings"
FASTAPI = "Only the HTTP entrypoint imports FastAPI"  # with: api
DEPENDS = "Only dependencies.py uses Depends"  # with: api
JINJA = "Only the console imports Jinja2"  # with: console
CLICK = "Only the command line imports click"  # with: cli
HTTPX = "Only the sender of webhooks imports httpx"  # with: webhooks
ASYNCPG = "Only the PostgreSQL store imports asyncpg"  # with: postgres
BOTO3 = "Only the DynamoDB store imports boto3"  # with: dynamodb
HANDLER = "No module imports the Lambda handler, which opens the store"  # with: lambda

# What is planted, where (a file that is there gets the line appended), and the contracts that must break: no others.
VIOLATIONS = [
    ("domain/limits.py", "import sample_service.application", {INWARD}),
    ("application/ports.py", "import sample_service.bootstrap", {INWARD, ACYCLIC}),
    ("infrastructure/planted.py", "def later():\n    import sample_service.bootstrap", {INWARD}),
    ("bootstrap.py", "import sample_service.entrypoints", {INWARD}),
    ("not_in_any_layer.py", "", {INWARD}),
    ("domain/limits.py", "import sample_service.domain.entities", {ACYCLIC}),
    ("domain/planted.py", "import pydantic", {STANDARD_LIBRARY}),
    ("application/planted.py", "if __debug__:\n    import a_package_that_is_not_listed", {STANDARD_LIBRARY}),
    ("entrypoints/planted.py", "import sample_service.infrastructure.memory_repo", {ADAPTERS}),
    ("infrastructure/planted.py", "import sample_service.infrastructure.memory_repo", {INDEPENDENT}),
    ("infrastructure/planted.py", "import sample_service.config", {INWARD, SETTINGS}),
    ("entrypoints/planted.py", "from pydantic_settings import BaseSettings", {PYDANTIC_SETTINGS}),
    ("bootstrap.py", "from fastapi import FastAPI", {FASTAPI}),  # with: api
    ("entrypoints/api/planted.py", "from fastapi import Depends", {DEPENDS}),  # with: api
    ("bootstrap.py", "import jinja2", {JINJA}),  # with: console
    ("bootstrap.py", "import click", {CLICK}),  # with: cli
    ("bootstrap.py", "import httpx", {HTTPX}),  # with: webhooks
    ("bootstrap.py", "import asyncpg", {ASYNCPG}),  # with: postgres
    ("bootstrap.py", "import botocore.exceptions", {BOTO3}),  # with: dynamodb
    ("entrypoints/planted.py", "import sample_service.entrypoints.lambda_handler", {HANDLER}),  # with: lambda
]


def lint(folder: Path, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Return the contracts that are broken in a copy of the package."""
    kept = use_cases.lint_imports(str(folder / "pyproject.toml"), cache_dir=None, no_logo=True)
    printed = capsys.readouterr().out
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", printed, flags=re.MULTILINE))
    assert verdicts.keys() == {contract["name"] for contract in CONTRACTS}, printed
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert kept is not bool(broken)
    return broken


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package and its contracts, which import-linter reads instead of the package."""
    ours = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "sample_service", tmp_path / "src" / "sample_service", ignore=ours)
    shutil.copy(PYPROJECT, tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")
    monkeypatch.delitem(sys.modules, "sample_service", raising=False)
    monkeypatch.setattr(output.console, "width", 200)
    configuration.configure()
    return tmp_path


def test_every_contract_is_kept(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(copy, capsys) == set()


@pytest.mark.parametrize("where, what, contracts", VIOLATIONS)
def test_planted_violation_breaks_exactly_its_contracts(
    copy: Path,
    capsys: pytest.CaptureFixture[str],
    where: str,
    what: str,
    contracts: set[str],
) -> None:
    with (copy / "src" / "sample_service" / where).open("a", encoding="utf-8") as file:
        file.write(f"\n{what}\n")
    assert lint(copy, capsys) == contracts


def test_no_contract_goes_without_a_planted_violation() -> None:
    assert set().union(*(contracts for _, _, contracts in VIOLATIONS)) == {contract["name"] for contract in CONTRACTS}
