"""What is installed is exactly what was locked, from wherever this machine gets its packages."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

CHECKOUT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
GROUPS = PYPROJECT["dependency-groups"]

WANTED = {
    "runtime": PYPROJECT["project"]["dependencies"],
    "stores": [*PYPROJECT["project"]["dependencies"], *EXTRAS["postgres"], *EXTRAS["aws"], *EXTRAS["jwt"]],
    "dev": [
        *PYPROJECT["project"]["dependencies"],
        *(line for extra in EXTRAS.values() for line in extra),
        *GROUPS["unit"],
        *(line for line in GROUPS["dev"] if isinstance(line, str)),  # the rest includes a group
    ],
    "unit": GROUPS["unit"],
    "lambda": GROUPS["lambda"],
    "bench": GROUPS["bench"],
    "lambda-client": GROUPS["lambda-client"],
    "fuzz": GROUPS["fuzz"],
    "setup": GROUPS["setup"],
    "node": GROUPS["node"],
    "java": GROUPS["java"],
}


NOT_ON_LAMBDA = {"click", "httptools", "jinja2", "rich", "uvicorn", "uvloop"}
"""What the service needs where it has a socket or a command line of its own, or asks for much at once."""


def lock(name: str) -> str:
    return (CHECKOUT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock(name), flags=re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("name", WANTED)
def test_every_declared_dependency_is_locked_at_a_version_that_it_allows(name: str) -> None:
    locked, wanted = pins(name), [Requirement(line) for line in WANTED[name]]
    for line in wanted:
        versions = locked.get(line.name, set())
        assert versions, f"{line.name} is not in requirements/{name}.txt: run make lock"
        assert any(line.specifier.contains(Version(version)) for version in versions), f"{line}: run make lock"
        lines = [other for other in wanted if other.name == line.name]  # two, where Pythons need different ones
        for version in versions:
            assert any(other.specifier.contains(Version(version)) for other in lines), f"{line}: run make lock"


@pytest.mark.parametrize("name", WANTED)
def test_every_locked_package_has_its_hashes_and_no_address(name: str) -> None:
    entries = re.split(r"\n(?=\S)", lock(name).strip())
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert "://" not in lock(name)


def test_development_runs_on_what_production_runs_on() -> None:
    developed = pins("dev")
    assert {package: developed.get(package) for package in pins("runtime")} == pins("runtime")


def test_lambda_runs_on_what_production_runs_on_without_its_server_and_command_line() -> None:
    wanted = [*PYPROJECT["project"]["dependencies"], *EXTRAS["aws"]]
    assert sorted(GROUPS["lambda"]) == sorted(line for line in wanted if Requirement(line).name not in NOT_ON_LAMBDA)
    stores = pins("stores")
    assert {package: stores.get(package) for package in pins("lambda")} == pins("lambda")
    assert NOT_ON_LAMBDA.isdisjoint(pins("lambda"))


@pytest.mark.parametrize("tool", ["openapi-lint", "client-generators"])
def test_npm_packages_are_locked_without_addresses(tool: str) -> None:
    packages = json.loads((CHECKOUT / "tools" / tool / "package-lock.json").read_bytes())["packages"]
    installed = {path: package for path, package in packages.items() if path}
    assert installed
    assert all("integrity" in package for package in installed.values())
    assert not any("resolved" in package for package in installed.values())
