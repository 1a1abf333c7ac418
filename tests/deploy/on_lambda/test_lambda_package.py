"""The packages for Lambda, as built: what is in them, and that they are always the same."""

import importlib.util
import marshal
import os
import struct
import sys
import zipfile
from pathlib import Path

import pytest

from tests.deploy.on_lambda.conftest import HERE
from tests.deploy.on_lambda.container import Build
from tools.lambda_files import without_symbols
from tools.lambda_package import (
    MEGABYTE,
    PLATFORMS,
    SOURCE,
    CannotBuild,
    NoSuchRuntime,
    Target,
    build,
    refuse_newer_c_library,
    version_of,
)

NOT_INSIDE = {"boto3", "botocore", "click", "httptools", "pip", "pytest", "rich", "typst", "uvicorn", "uvloop"}
OUR_OWN = "orderkeep/"
NO_NEED = (
    "__main__.py",
    "testing/",
    "entrypoints/cli/",
    "entrypoints/console/",
    "entrypoints/new_service/",
    "entrypoints/sample_orders.py",
    "entrypoints/api/server.py",
    "entrypoints/api/static/",
    "py.typed",
)


def entries(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def sources() -> set[str]:
    files = (path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file())
    ours = (name for name in files if name.startswith(OUR_OWN) and "__pycache__" not in name)
    return {name for name in ours if not name.removeprefix(OUR_OWN).startswith(NO_NEED)}


@pytest.mark.parametrize("architecture", PLATFORMS)
def test_a_package_is_small_and_holds_what_runs_on_lambda_alone(architecture: str, built: Build) -> None:
    archive = built(architecture)
    names = entries(archive).keys()
    assert archive.stat().st_size <= 10.5 * MEGABYTE
    packages = {name.partition("/")[0].removesuffix(".pyc") for name in names}
    assert {"orderkeep", "mangum", "fastapi", "obstore", "aiodynamo"} <= packages
    assert {package.partition("-")[0] for package in packages}.isdisjoint(NOT_INSIDE)
    assert {name for name in names if name.startswith(OUR_OWN) and "__pycache__" not in name} == sources()


@pytest.mark.parametrize("architecture", PLATFORMS)
def test_every_module_comes_as_byte_code_that_is_never_compared_with_its_source(
    architecture: str, built: Build
) -> None:
    found = entries(built(architecture))
    ours = {name for name in found if name.endswith(".py")}
    assert {name.partition("/")[0] for name in ours} == {"orderkeep"}
    assert {importlib.util.cache_from_source(name) for name in ours} <= found.keys()
    headers = {content[:8] for name, content in found.items() if name.endswith(".pyc")}
    assert headers == {importlib.util.MAGIC_NUMBER + struct.pack("<I", 0b01)}


@pytest.mark.parametrize("architecture", PLATFORMS)
def test_all_that_is_compiled_is_for_the_architecture_and_has_all_that_is_loaded(
    architecture: str, built: Build
) -> None:
    machine = {"x86_64": 62, "arm64": 183}[architecture]
    libraries = [content for name, content in entries(built(architecture)).items() if name.endswith(".so")]
    assert len(libraries) > 5
    for library in libraries:
        assert library[:5] == b"\x7fELF\x02"
        assert struct.unpack_from("<H", library, 18) == (machine,)
        assert without_symbols(library) == library


def test_the_same_checkout_gives_the_same_package(
    built: Build, python_version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(HERE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    before = os.umask(0o077)
    try:
        second = build(Target(HERE, python_version), sys.executable, tmp_path / "again")
    finally:
        os.umask(before)
    assert second.read_bytes() == first.read_bytes()
    assert second.with_suffix(".yaml").read_bytes() == first.with_suffix(".yaml").read_bytes()


def test_unpacked_files_are_readable_by_all_users(built: Build) -> None:
    with zipfile.ZipFile(built(HERE)) as packed:
        modes = {entry.filename.endswith(".so"): entry.external_attr >> 16 for entry in packed.infolist()}
        assert modes == {True: 0o100755, False: 0o100644}
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_traceback_names_the_file_and_line_of_what_others_wrote(unpacked: Path) -> None:
    content = (unpacked / "mangum" / "adapter.pyc").read_bytes()
    code = marshal.loads(content[16:])
    assert code.co_filename == "/var/task/mangum/adapter.py"
    assert code.co_consts[0] is None or not str(code.co_consts[0]).startswith("Mangum")
    assert max(line for *_, line in code.co_lines() if line) > 10


def test_unsupported_python_is_rejected_with_the_supported_ones(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho 3.10\n", encoding="utf-8")
    other.chmod(0o755)
    with pytest.raises(NoSuchRuntime, match=r"3\.11, 3\.12, 3\.13, 3\.14 and no 3\.10: name one with LAMBDA_PYTHON"):
        version_of(str(other))
    with pytest.raises(CannotBuild, match="no Python that runs here"):
        version_of(str(tmp_path / "nothing"))


def test_a_library_that_needs_a_newer_system_than_lambda_has_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.lambda_package.FETCHED", tmp_path)
    target = Target("arm64", "3.11")
    wheel = target.fetched / "lamp-1.0.dist-info" / "WHEEL"
    wheel.parent.mkdir(parents=True)
    wheel.write_text("Tag: cp311-cp311-manylinux_2_28_aarch64\n", encoding="utf-8")
    with pytest.raises(CannotBuild, match=r"lamp-1\.0\.dist-info needs a newer glibc than python3\.11 on Lambda has"):
        refuse_newer_c_library(target)
    wheel.write_text(
        "Tag: cp311-cp311-manylinux_2_17_aarch64\nTag: cp311-cp311-manylinux_2_28_aarch64\n", encoding="utf-8"
    )
    refuse_newer_c_library(target)
