"""The workflows on GitHub: pinned actions, least privilege. zizmor checks them, offline."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.locks import CHECKOUT

GITHUB = CHECKOUT / ".github"
TEMPLATES = GITHUB / "ISSUE_TEMPLATE"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
AN_ACTION = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}")
RELEASED = re.compile(r"# v\d+\.\d+\.\d+$")
READS_CODE = {"contents": "read"}
MAY = {
    "ci.yml": {"check": READS_CODE},
    "release.yml": {
        "build": READS_CODE,
        "attest": {"id-token": "write", "attestations": "write"},
        "image": {},
        "publish": {"id-token": "write"},
        "publish-image": {"packages": "write"},
        "announce": {"contents": "write"},
    },
}
"""What each job may do, and no more."""

PLANTED = {
    "unpinned-uses": (r"actions/checkout@\w+ # \S+", "actions/checkout@v7"),
    "template-injection": (r"run: \.ci/run", "run: echo ${{ github.event.pull_request.title }}"),
    "excessive-permissions": (r"permissions: \{\}", "permissions: write-all"),
    "artipacked": (r"persist-credentials: false", "persist-credentials: true"),
    "dangerous-triggers": (r"  pull_request:", "  pull_request_target:"),
    "undocumented-permissions": (r"contents: read # .*", "contents: write"),
}
"""Faults, as zizmor names them, and what is planted for what. Whether a hash is a release's it can only ask GitHub."""


def found_by_zizmor(*paths: Path) -> list[str]:
    zizmor = Path(sys.executable).with_name("zizmor")
    options = ["--offline", "--persona=auditor", "--strict-collection", "--no-progress", "--quiet", "--format=json-v1"]
    told = subprocess.run([zizmor, *options, *paths], capture_output=True, text=True, check=False)
    return [str(finding["ident"]) for finding in json.loads(told.stdout)]


def read(workflow: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    return loaded


def steps_of(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


def test_zizmor_finds_nothing() -> None:
    assert found_by_zizmor(GITHUB) == []


@pytest.mark.parametrize("fault", PLANTED)
def test_zizmor_finds_a_planted_fault(fault: str, tmp_path: Path) -> None:
    pattern, planted = PLANTED[fault]
    text, times = re.subn(pattern, planted, (GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert times == 1
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "ci.yml").write_text(text, encoding="utf-8")
    assert fault in found_by_zizmor(tmp_path)


@pytest.mark.parametrize(
    "schema, paths",
    [
        ("github-workflows", WORKFLOWS),
        ("dependabot", [GITHUB / "dependabot.yml"]),
        ("github-issue-forms", [TEMPLATES / "bug.yml", TEMPLATES / "feature.yml"]),
        ("github-issue-config", [TEMPLATES / "config.yml"]),
    ],
)
def test_github_files_match_their_schemas(schema: str, paths: list[Path]) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_every_action_is_pinned_to_a_commit(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+) ?(.*)$", workflow.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert used
    assert [use for use in used if not (AN_ACTION.fullmatch(use[0]) and RELEASED.match(use[1]))] == []


def test_each_action_has_the_same_commit_everywhere() -> None:
    used = {step["uses"] for workflow in WORKFLOWS for step in steps_of(workflow) if "uses" in step}
    names = [use.partition("@")[0] for use in used]
    assert sorted(names) == sorted(set(names))


def test_each_job_has_least_privilege() -> None:
    may = {
        workflow.name: {name: job["permissions"] for name, job in read(workflow)["jobs"].items()}
        for workflow in WORKFLOWS
    }
    assert may == MAY
    assert all(read(workflow)["permissions"] == {} for workflow in WORKFLOWS)


def test_no_job_has_secrets_or_lacks_a_timeout() -> None:
    for workflow in WORKFLOWS:
        assert "secrets." not in workflow.read_text(encoding="utf-8")
        assert all(job["timeout-minutes"] <= 100 for job in read(workflow)["jobs"].values())


def test_jobs_that_build_cannot_publish() -> None:
    jobs = read(GITHUB / "workflows" / "release.yml")["jobs"]
    builders = {name for name, job in jobs.items() if any("make" in step.get("run", "") for step in job["steps"])}
    assert builders == {"build"}
    checkers = {name for name, job in jobs.items() if any("checkout" in step.get("uses", "") for step in job["steps"])}
    assert checkers == {"build"}, "whoever may sign or publish runs no code of the repository"


def test_image_is_built_from_the_released_source_for_both_architectures() -> None:
    jobs = read(GITHUB / "workflows" / "release.yml")["jobs"]
    builders = {
        name for name, job in jobs.items() if any("docker build " in step.get("run", "") for step in job["steps"])
    }
    assert builders == {"image"}
    assert jobs["image"]["needs"] == "build"
    architectures = {each["architecture"]: each["runner"] for each in jobs["image"]["strategy"]["matrix"]["include"]}
    assert architectures == {"amd64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"}
    [published] = [step for step in jobs["publish-image"]["steps"] if "imagetools create" in step.get("run", "")]
    assert all(f"-{architecture}" in published["run"] for architecture in architectures)
    assert set(jobs["publish-image"]["needs"]) == {"image", "publish"}, "a person approves both in the same place"


def test_ci_runs_on_every_declared_python() -> None:
    job = read(GITHUB / "workflows" / "ci.yml")["jobs"]["check"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    classified = re.findall(r"Python :: (3\.\d+)", (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert job["strategy"]["matrix"]["python"] == classified


def test_only_tests_that_need_external_data_are_left_out() -> None:
    marked = {
        path for path in (CHECKOUT / "tests" / "entrypoints").glob("test_*.py") if "northwind_csv" in path.read_text()
    }
    left_out = {
        step["env"]["ARGS"] for workflow in WORKFLOWS for step in steps_of(workflow) if step.get("run") == ".ci/run"
    }
    [arguments] = left_out
    named = re.findall(r"--(?:ignore|deselect)=(\S+?\.py)(?:::(\w+))?(?= |$)", arguments)
    assert {CHECKOUT / path for path, _ in named} == marked
    assert all(f"def {test}(" in (CHECKOUT / path).read_text(encoding="utf-8") for path, test in named if test)
