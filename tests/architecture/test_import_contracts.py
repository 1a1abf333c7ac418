"""Imports point inward; and every contract that says so is seen broken by a planted violation."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import configuration
from importlinter.application import output, use_cases

CHECKOUT = Path(__file__).parents[2]
PYPROJECT = CHECKOUT / "pyproject.toml"
CONFIG: dict[str, Any] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS: list[dict[str, Any]] = CONFIG["contracts"]

INWARD = "Dependencies point inward"
STANDARD_LIBRARY = "Domain and application import the standard library only"
ACYCLIC = "No circular imports"
ADAPTERS = "Only bootstrap imports the adapters"
INDEPENDENT = "No adapter imports another"
SETTINGS = "Only bootstrap and entrypoints import the settings"
PYDANTIC_SETTINGS = "Only config imports pydantic-settings"
FASTAPI = "Only the HTTP entrypoint imports FastAPI"
JINJA = "Only the console imports Jinja2"
STRUCTLOG = "Only logs.py imports structlog"
MANGUM = "Only HTTP on Lambda imports Mangum"
NO_HTTP = "The Lambda stream handler does not load HTTP"
ASYNCPG = "Only the PostgreSQL store imports asyncpg"
AIOHTTP = "Only AWS and the webhook sender import aiohttp"
URLLIB3 = "Only AWS, OpenID and the command line on a server import urllib3"
OBSTORE = "Only the S3 documents import obstore"
TYPST = "Only the PDF receipts import typst"
JOSERFC = "Only the OpenID adapter imports joserfc"
DEPENDS = "Only dependencies.py uses Depends"

# What is planted, where (a file that is there gets the line appended), and the contracts that must break: no others.
VIOLATIONS = [
    ("domain/limits.py", "import orderkeep.application", {INWARD}),
    ("domain/planted.py", "from ..application import dtos", {INWARD}),
    ("domain/planted.py", "import orderkeep.config", {INWARD, SETTINGS}),
    ("application/planted.py", "import orderkeep.infrastructure.memory_repo", {INWARD, ADAPTERS}),
    ("application/use_cases/planted.py", "import orderkeep.bootstrap", {INWARD}),
    ("infrastructure/planted.py", "def later():\n    import orderkeep.bootstrap", {INWARD}),
    ("bootstrap/stores.py", "import orderkeep.entrypoints", {INWARD}),
    ("bootstrap/stores.py", "import orderkeep.testing", {ACYCLIC, INWARD}),
    ("testing/planted.py", "import orderkeep.entrypoints.api", {INWARD}),
    ("entrypoints/planted.py", "import orderkeep.__main__", {INWARD}),
    ("not_in_any_layer.py", "", {INWARD}),
    ("domain/limits.py", "import orderkeep.domain.entities", {ACYCLIC}),
    ("domain/value_objects.py", "def later():\n    import orderkeep.domain.entities", {ACYCLIC}),
    (
        "application/access/actor.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from orderkeep.application.access import api_keys",
        {ACYCLIC},
    ),
    ("application/ports.py", "import orderkeep.application.change_order", {ACYCLIC}),
    ("bootstrap/stores.py", "import orderkeep.bootstrap", {ACYCLIC}),
    ("domain/planted.py", "import click", {STANDARD_LIBRARY}),
    ("domain/planted.py", "import a_package_that_nobody_listed", {STANDARD_LIBRARY}),
    ("domain/planted.py", "import importlib", {STANDARD_LIBRARY}),
    ("application/planted.py", "if __debug__:\n    import msgspec.json", {STANDARD_LIBRARY}),
    (
        "application/use_cases/planted.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pydantic import BaseModel",
        {STANDARD_LIBRARY},
    ),
    ("application/planted.py", "from fastapi import FastAPI", {STANDARD_LIBRARY, FASTAPI}),
    ("__init__.py", "import orderkeep.infrastructure", {ADAPTERS}),
    ("entrypoints/api/planted.py", "import orderkeep.infrastructure.memory_repo", {ADAPTERS}),
    ("entrypoints/cli/planted.py", "from orderkeep.infrastructure import memory_repo", {ADAPTERS}),
    ("testing/planted.py", "from orderkeep.infrastructure.serialization import *", {ADAPTERS}),
    ("config.py", "import orderkeep.infrastructure.memory_repo", {ADAPTERS}),
    ("infrastructure/planted.py", "import orderkeep.infrastructure.memory_repo", {INDEPENDENT}),
    ("infrastructure/serialization.py", "import orderkeep.infrastructure.memory_repo", {ACYCLIC, INDEPENDENT}),
    ("infrastructure/__init__.py", "import orderkeep.infrastructure.memory_repo", {INDEPENDENT}),
    ("infrastructure/planted/deep.py", "from orderkeep.infrastructure import memory_repo", {INDEPENDENT}),
    ("testing/planted.py", "import orderkeep.config", {SETTINGS}),
    ("entrypoints/api/planted.py", "from orderkeep.testing import orders", {INWARD}),
    ("entrypoints/cli/commands/demo.py", "import orderkeep.testing.orders", {INWARD}),
    ("bootstrap/stores.py", "import pydantic_settings", {PYDANTIC_SETTINGS}),
    ("entrypoints/planted.py", "from pydantic_settings import BaseSettings", {PYDANTIC_SETTINGS}),
    ("bootstrap/stores.py", "from fastapi import FastAPI", {FASTAPI, NO_HTTP}),
    ("entrypoints/cli/planted.py", "import starlette.responses", {FASTAPI}),
    ("entrypoints/api/planted.py", "import mangum", {MANGUM}),
    ("entrypoints/lambda_stream.py", "import orderkeep.entrypoints.api.app", {NO_HTTP}),
    ("entrypoints/api/planted.py", "import jinja2", {JINJA}),
    ("entrypoints/api/planted.py", "import structlog", {STRUCTLOG}),
    ("entrypoints/lambda_runtime.py", "from mangum import Mangum", {MANGUM, NO_HTTP}),
    ("entrypoints/lambda_stream.py", "import starlette.responses", {FASTAPI, NO_HTTP}),
    ("bootstrap/stores.py", "import asyncpg", {ASYNCPG}),
    ("bootstrap/stores.py", "import aiohttp", {AIOHTTP}),
    ("infrastructure/dynamo_repo/client.py", "import urllib3", {URLLIB3}),
    ("entrypoints/cli/session.py", "import urllib3", {URLLIB3}),
    ("bootstrap/stores.py", "import obstore.store", {OBSTORE}),
    ("infrastructure/html_receipts.py", "import typst", {TYPST}),
    ("application/planted.py", "from joserfc import jws", {STANDARD_LIBRARY, JOSERFC}),
    ("bootstrap/stores.py", "from joserfc.jwk import Key", {JOSERFC}),
    ("infrastructure/planted.py", "import orderkeep.infrastructure.openid.keys", {INDEPENDENT}),
    ("entrypoints/api/planted.py", "from fastapi import Depends", {DEPENDS}),
    ("entrypoints/api/planted.py", "import fastapi\n\nROUTE = fastapi.Depends(print)", {DEPENDS}),
    ("entrypoints/api/planted.py", "from fastapi import (\n    Security as Sure,\n)", {DEPENDS}),
]

# Every module that a contract names, as it is written there.
NAMED = [
    (contract["name"], module)
    for contract in CONTRACTS
    for key in (
        "allowed_importers",
        "allowed_modules",
        "containers",
        "packages",
        "protected_modules",
        "shared",
        "source_modules",
    )
    for module in contract.get(key, [])
] + [(INWARD, layer) for layers in CONTRACTS[0]["layers"] for layer in layers.split(" | ")]


class Linter:
    """import-linter in this process, on a copy of the package and of its contracts."""

    def __init__(self, folder: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.cache, self.capsys = folder, cache, capsys

    def run(self) -> tuple[bool, str]:
        """Return whether every contract is kept, and what is printed."""
        kept = use_cases.lint_imports(str(self.folder / "pyproject.toml"), cache_dir=str(self.cache), no_logo=True)
        return kept, self.capsys.readouterr().out


@pytest.fixture
def linter(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Linter:
    ours = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(CHECKOUT / "src" / "orderkeep", tmp_path / "src" / "orderkeep", ignore=ours)
    shutil.copy(PYPROJECT, tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")
    monkeypatch.delitem(sys.modules, "orderkeep", raising=False)  # or the package in use is read, not the copy
    monkeypatch.setattr(output.console, "width", 200)
    configuration.configure()
    return Linter(tmp_path, tmp_path_factory.getbasetemp() / "imports", capsys)


def broken(printed: str) -> set[str]:
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", printed, flags=re.MULTILINE))
    assert verdicts.keys() == {contract["name"] for contract in CONTRACTS}, printed
    return {name for name, verdict in verdicts.items() if verdict == "BROKEN"}


def test_every_contract_is_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    linted = subprocess.run(
        command, cwd=CHECKOUT, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=False
    )
    assert broken(linted.stdout) == set(), linted.stdout
    assert linted.returncode == 0


@pytest.mark.parametrize(
    "where, what, contracts", VIOLATIONS, ids=[f"{where}: {what}" for where, what, _ in VIOLATIONS]
)
def test_a_planted_violation_breaks_exactly_its_contracts(
    linter: Linter, where: str, what: str, contracts: set[str]
) -> None:
    plant(linter.folder / "src" / "orderkeep" / where, what)
    kept, printed = linter.run()
    assert broken(printed) == contracts, printed
    assert not kept


def plant(path: Path, what: str) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir()
        (path.parent / "__init__.py").touch()
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{what}\n")


def test_no_contract_goes_without_a_planted_violation() -> None:
    assert set().union(*(contracts for _, _, contracts in VIOLATIONS)) == {contract["name"] for contract in CONTRACTS}


@pytest.mark.parametrize("contract, named", NAMED)
def test_a_contract_that_names_what_does_not_exist_fails(linter: Linter, contract: str, named: str) -> None:
    config = PYPROJECT.read_text(encoding="utf-8")
    before, heading, after = config.partition(f'name = "{contract}"')
    renamed = re.sub(rf"([\" ]){named}(?=[\" ])", rf"\1{named}_gone", after, count=1)
    (linter.folder / "pyproject.toml").write_text(before + heading + renamed, encoding="utf-8")

    kept, printed = linter.run()

    assert f"{named}_gone" in renamed
    assert f"{named}_gone" in printed
    assert not kept


def test_the_contracts_see_every_module() -> None:
    package = CHECKOUT / "src" / "orderkeep"
    template = package / "entrypoints" / "new_service" / "template"  # a project of its own
    paths = [path for path in package.rglob("*.py") if not path.is_relative_to(template)]
    files = {path.relative_to(package.parent).with_suffix("") for path in paths}
    modules = {".".join(path.parts).removesuffix(".__init__") for path in files}
    assert modules == grimp.build_graph("orderkeep", cache_dir=None).modules
