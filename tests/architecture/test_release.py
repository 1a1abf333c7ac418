"""A release is reproducible, complete, and lists its contents."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.conftest import not_here
from tools.locks import CHECKOUT, REQUIREMENTS, read_lock
from tools.release import DIST, INSIDE, NOT_INSIDE, SUMS, digest, release

HERE = "from pathlib import Path; from tools.release import release; release(Path('made'))"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def bill(made: list[Path]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made[2].read_text(encoding="utf-8"))
    return found


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return another checkout, with other dates, in which nothing but the owner may read."""
    folder = tmp_path / "another checkout"
    folder.mkdir()
    for name in INSIDE:
        if (CHECKOUT / name).is_file():
            shutil.copy(CHECKOUT / name, folder / name)
        else:
            shutil.copytree(CHECKOUT / name, folder / name, ignore=NOT_INSIDE)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else path.stat().st_mode & 0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TZ": "Pacific/Kiritimati", "LC_ALL": "C"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def digests(files: list[Path]) -> dict[str, str]:
    return {file.name: digest(file) for file in files}


def test_two_builds_of_a_release_are_identical(made: list[Path], elsewhere: Path) -> None:
    assert run(elsewhere, "-c", HERE).returncode == 0
    again = digests(list((elsewhere / "made").iterdir()))
    assert again == digests(made)
    assert {Path(name).suffix for name in again} == {".whl", ".gz", ".json", ""}


def test_release_of_other_sources_differs(made: list[Path], elsewhere: Path) -> None:
    with (elsewhere / "src" / "orderkeep" / "__init__.py").open("a") as source:
        source.write("# planted\n")
    assert run(elsewhere, "-c", HERE).returncode == 0
    other = digests(list((elsewhere / "made").iterdir()))
    assert other.keys() == digests(made).keys()
    assert not set(other.values()) & set(digests(made).values())


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def test_links_of_the_package_page_lead_to_the_release_in_the_repository(made: list[Path]) -> None:
    metadata = metadata_of(made[0])
    urls = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL", []))
    assert {"Homepage", "Documentation", "Repository", "Issues", "Changelog"} <= urls.keys()
    links = re.findall(r"\]\(([^)]+)\)", str(metadata.get_payload()))
    within = [link.removeprefix(f"{urls['Repository']}/blob/v{metadata['Version']}/") for link in links]
    assert len(within) > 10
    assert [link for link in within if not (CHECKOUT / link.partition("#")[0]).exists()] == []
    assert [link for link in links if not link.startswith("https://")] == []


def test_source_archive_contains_the_committed_tests_and_docs(made: list[Path], tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *INSIDE], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if listed.returncode:
        not_here("this is not a checkout of git")
    with tarfile.open(made[1]) as archive:
        archive.extractall(tmp_path)  # built just now from this checkout
    [root] = tmp_path.iterdir()
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found - {"PKG-INFO", "pyproject.toml.orig"} == set(listed.stdout.split())
    assert os.access(root / "tools" / "make-venv", os.X_OK)
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-m", "pytest", "-q", "tests/domain/test_totals.py"]
    subprocess.run(command, cwd=root, env=environment, capture_output=True, check=True)


def test_sums_match_the_files(made: list[Path]) -> None:
    *files, sums = made
    assert sums.name == SUMS
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=sums.parent, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert [line.partition(": ")[0] for line in checked.stdout.splitlines()] == [file.name for file in files]


def test_release_replaces_an_earlier_one(tmp_path: Path) -> None:
    package = tmp_path / "orderkeep-lambda-arm64.zip"
    for old in (package, tmp_path / "orderkeep-0.0.9-py3-none-any.whl", tmp_path / "orderkeep-0.0.9.tar.gz"):
        old.touch()
    files = release(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*files, package])


def test_release_requires_committed_files(made: list[Path], elsewhere: Path) -> None:
    assert "git finds none here" in run(elsewhere, "-m", "tools.release").stderr
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *arguments], cwd=elsewhere, check=True)
    (elsewhere / "src" / "orderkeep" / "planted.py").touch()
    refused = run(elsewhere, "-m", "tools.release")
    assert refused.returncode == 1
    assert "src/orderkeep/planted.py" in refused.stderr
    assert not (elsewhere / "dist").exists()
    (elsewhere / "src" / "orderkeep" / "planted.py").unlink()
    told = run(elsewhere, "-m", "tools.release")
    assert told.returncode == 0, told.stderr
    assert all(digest(file) in told.stdout for file in made[:3])
    assert digests(list((elsewhere / DIST.name).iterdir())) == digests(made)


def test_bill_of_materials_is_valid_cyclonedx(made: list[Path], bill: dict[str, Any]) -> None:
    # Imported here: it takes two seconds, in each process that collects tests.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(made[2].read_text(encoding="utf-8")) is None
    for planted in ({"bomFormat": "SPDX"}, {"components": [{"name": "nameless"}]}, {"serialNumber": "1"}):
        assert validator.validate_str(json.dumps(bill | planted)) is not None


@pytest.mark.parametrize("lock", ["runtime", "stores"])
def test_bill_lists_every_package_of_the_service_with_its_hashes(lock: str, bill: dict[str, Any]) -> None:
    named = {component["purl"]: component for component in bill["components"]}
    locked = read_lock((REQUIREMENTS / f"{lock}.txt").read_text(encoding="utf-8"))
    assert locked
    for package in locked:
        component = named[f"pkg:pypi/{package.name}@{package.version}"]
        [distribution] = component["externalReferences"]
        assert [one["content"] for one in distribution["hashes"]] == list(package.hashes) != []
        assert component["scope"] == "required" or lock != "runtime"


def test_bill_names_the_extra_of_each_package(bill: dict[str, Any]) -> None:
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    brought = {
        (component["name"], prop["value"])
        for component in bill["components"]
        for prop in component.get("properties", [])
        if prop["name"] == "orderkeep:extra"
    }
    assert {(Requirement(line).name, extra) for extra, lines in extras.items() for line in lines} <= brought
    assert ("cryptography", "jwt") in brought


def test_bill_lists_all_dependencies_of_each_package(bill: dict[str, Any]) -> None:
    wants = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    own = bill["metadata"]["component"]["bom-ref"]
    assert wants.keys() == {own, *(component["bom-ref"] for component in bill["components"])}
    reached, todo = set[str](), [own]
    while todo:
        ref = todo.pop()
        if ref not in reached:
            reached.add(ref)
            todo += wants[ref]
    assert reached == wants.keys()
    assert any(ref.startswith("pkg:pypi/starlette@") for ref in wants[next(r for r in wants if "/fastapi@" in r)])


def test_bill_lists_the_vendored_swagger_ui(bill: dict[str, Any]) -> None:
    [swagger_ui] = [component for component in bill["components"] if component["name"] == "swagger-ui-dist"]
    files = {file["name"]: file["hashes"][0]["content"] for file in swagger_ui["components"]}
    static = CHECKOUT / "src" / "orderkeep" / "entrypoints" / "api" / "static"
    assert files == {path.name: digest(path) for path in static.iterdir() if path.name != "README.md"}


@pytest.mark.parametrize(
    "package, names",
    [
        ("htmx.org", ("htmx.LICENSE.txt", "htmx.min.js")),
        ("uplot", ("uPlot.LICENSE.txt", "uPlot.iife.min.js", "uPlot.min.css")),
    ],
)
def test_bill_lists_what_the_console_vendors(package: str, names: tuple[str, ...], bill: dict[str, Any]) -> None:
    [found] = [component for component in bill["components"] if component["name"] == package]
    files = {file["name"]: file["hashes"][0]["content"] for file in found["components"]}
    static = CHECKOUT / "src" / "orderkeep" / "entrypoints" / "console" / "static"
    assert files == {name: digest(static / name) for name in names}
    assert found["version"] in (static / "README.md").read_text(encoding="utf-8")


def test_bill_lists_the_files_of_the_release_without_a_date(made: list[Path], bill: dict[str, Any]) -> None:
    files = {one["url"]: one["hashes"][0]["content"] for one in bill["metadata"]["component"]["externalReferences"]}
    assert files == digests(made[:2])
    assert "timestamp" not in bill["metadata"]
