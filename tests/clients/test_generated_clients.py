"""Generators make clients of the OpenAPI document without warnings; they compile, place, list and cancel orders."""

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openapi_generator_cli
import pytest

from tests.conformance.asking import Service, serving
from tests.conftest import CHECKOUT, find_node
from tests.servers.dynamodb import find_java
from tools.clients import document

PROGRAMS = Path(__file__).with_name("programs")
MODULES = CHECKOUT / "tools" / "client-generators" / "node_modules"

EXPECTED = {
    "placed": [201, "pending", 9900, 0],
    "full": ["Lamp", 500, ["gift"], "web"],
    "dry_run": [201, "user-42", "true"],
    "page": [1, None, True],
    "stale": [412, "version_mismatch"],
    "cancelled": ["cancelled", "late", 2],
    "again": [422, "cannot_cancel_order"],
    "invalid": [422, "/currency"],
}
"""What each program prints: it places an order with three fields and one with more, tries one, lists with two statuses,
cancels with a stale `If-Match`, without, and again, and places an order in a currency that does not exist.
"""

Command = list[str | Path]


def _npm(program: str, *arguments: str) -> Command:
    return [find_node() or "node", MODULES / ".bin" / program, *arguments]


def _python(module: str, *arguments: str) -> Command:
    return [sys.executable, "-m", module, *arguments]


def _java(name: str, out: str) -> Command:
    [folder] = openapi_generator_cli.__path__
    java: Command = [find_java() or "java", "-XX:TieredStopAtLevel=1", "-jar", Path(folder) / "openapi-generator.jar"]
    return [*java, "generate", "-i", "openapi.json", "-g", name, "-o", out]


INPUT, MODELS = ("--input", "openapi.json"), ("--output-model-type", "pydantic_v2.BaseModel")
UNFORMATTED = ("--meta", "none", "--config", str(PROGRAMS / "openapi_python_client.yaml"))
TYPESCRIPT = {
    "openapi_typescript": _npm("openapi-typescript", "openapi.json", "--output", "client/client.ts"),
    "hey_api": _npm("openapi-ts", *INPUT, "--output", "client", "--client", "@hey-api/client-fetch"),
    "orval": _npm("orval", *INPUT, "--output", "client/client.ts", "--client", "fetch"),
    "openapi_generator_fetch": _java("typescript-fetch", "client"),
    "openapi_generator_axios": _java("typescript-axios", "client"),
}
PYTHON = {
    "openapi_python_client": _python(
        "openapi_python_client",
        "generate",
        "--path",
        "openapi.json",
        "--output-path",
        "client",
        *UNFORMATTED,
        "--fail-on-warning",
    ),
    "datamodel_codegen": _python("datamodel_code_generator", *INPUT, "--output", "client.py", *MODELS),
    "openapi_generator_python": _java("python", "."),
}

WARNING = re.compile(r"\bwarn|deprecat|unsupported|⚠", re.IGNORECASE)
ABOUT_THE_GENERATOR = {
    "OpenAPI 3.1 support is still in beta": "of every document in OpenAPI 3.1",
    "Failed to get the schema name: null": "of every schema with additionalProperties: false",
}
"""Warnings of openapi-generator that no document avoids, and when it prints them."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with serving(f"sqlite:///{folder}/orders.db", folder, asks_for_a_key=True) as service:
        yield service


@pytest.mark.parametrize("generator", TYPESCRIPT)
def test_typescript_client_compiles_and_works(generator: str, service: Service, tmp_path: Path) -> None:
    program = generate_typescript(generator, document(), tmp_path)
    checked = compile_typescript(program)
    assert checked.returncode == 0, checked.stdout
    bundled = tmp_path / "bundled.mjs"
    run(
        _npm("esbuild", str(program), "--bundle", "--packages=external", "--format=esm", f"--outfile={bundled}"),
        tmp_path,
    )
    assert json.loads(run([find_node() or "node", bundled, service.url, service.key], tmp_path)) == EXPECTED


@pytest.mark.parametrize("generator", PYTHON)
def test_python_client_works(generator: str, service: Service, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(document()), "utf-8")
    run(PYTHON[generator], tmp_path)
    program = shutil.copy(PROGRAMS / f"{generator}.py", tmp_path)
    assert json.loads(run([sys.executable, program, service.url, service.key], tmp_path)) == EXPECTED


def test_finds_a_planted_default(tmp_path: Path) -> None:
    planted = copy.deepcopy(document())
    planted["components"]["schemas"]["PlaceOrderBody"]["properties"]["shipping"]["default"] = 0
    checked = compile_typescript(generate_typescript("openapi_typescript", planted, tmp_path))
    assert "Property 'shipping' is missing" in checked.stdout


def generate_typescript(generator: str, document: Any, folder: Path) -> Path:
    """Generate a client in a folder, and return the path of a program that uses it."""
    if not MODULES.is_dir():
        pytest.fail("the generators are not installed: run make setup", pytrace=False)
    (folder / "openapi.json").write_text(json.dumps(document), "utf-8")
    (folder / "node_modules").symlink_to(MODULES)
    generated = completed(TYPESCRIPT[generator], folder)
    assert warnings_in(generated.stdout + generated.stderr) == []
    return Path(shutil.copy(PROGRAMS / f"{generator}.ts", folder))


def compile_typescript(program: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(PROGRAMS / "tsconfig.json", program.parent)
    command = _npm("tsc", "--project", str(program.parent))
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run(command: Command, folder: Path) -> str:
    """Run a program in a folder and return what it printed to stdout."""
    return completed(command, folder).stdout


def completed(command: Command, folder: Path) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def warnings_in(printed: str) -> list[str]:
    """Return the lines that warn of the document."""
    lines = [line for line in printed.splitlines() if WARNING.search(line)]
    return [line for line in lines if not any(known in line for known in ABOUT_THE_GENERATOR)]


@pytest.mark.parametrize(
    "line, found",
    [
        ("[main] WARN  o.o.codegen.DefaultCodegen - OpenAPI 3.1 support is still in beta. To report", False),
        ("[main] WARN  o.o.c.l.AbstractPythonCodegen - Return (reserved word) cannot be used as model name", True),
        ("⚠️ Duplicate operationId", True),
        ("Warning: 1 unresolved reference", True),
        ("[main] INFO  o.o.codegen.DefaultGenerator - Generating with dryRun=false", False),
    ],
)
def test_warning_of_a_generator_is_found(line: str, *, found: bool) -> None:
    assert bool(warnings_in(f"{line}\n")) == found
