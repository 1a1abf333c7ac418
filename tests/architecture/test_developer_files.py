"""The files that editors, pre-commit, containers and GitHub read name commands, versions and addresses that exist."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from orderkeep.config import Settings
from tools.locks import CHECKOUT

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = re.findall(r"^([a-z-]+):.*## ", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def addresses_of(path: Path) -> set[str]:
    return set(ADDRESS.findall(path.read_text(encoding="utf-8")))


def test_pre_commit_runs_programs_of_the_checkout_and_downloads_nothing() -> None:
    config: Any = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [each["repo"] for each in config["repos"]] == ["local"]
    hooks = [hook for each in config["repos"] for hook in each["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    programs = [CHECKOUT / hook["entry"].split()[0] for hook in hooks]
    assert [path for path in programs if not path.is_file()] == []
    assert len(programs) == len({hook["id"] for hook in hooks}) == 3


def test_devcontainer_uses_a_supported_python_and_a_target_of_make() -> None:
    config = json.loads((CHECKOUT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    found = re.search(r"/python:(3\.\d+)", config["image"])
    assert found
    assert f"Programming Language :: Python :: {found[1]}" in PROJECT["classifiers"]
    make, target = config["postCreateCommand"].split()
    assert (make, target in TARGETS) == ("make", True)
    assert config["forwardPorts"] == [Settings.model_fields["port"].default]


def test_links_to_the_repository_are_those_of_the_package() -> None:
    repository = PROJECT["urls"]["Repository"]
    assert {url for url in PROJECT["urls"].values() if not url.startswith(repository)} == set()
    for name in ("Dockerfile", ".github/ISSUE_TEMPLATE/config.yml"):
        assert addresses_of(CHECKOUT / name) == {repository}, name
