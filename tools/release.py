"""Build the files of a release: wheel, source archive, bill of materials and their SHA-256 sums.

The builds are reproducible: uv's build backend sorts the files of an archive and sets their dates to 1970 or 1980, so
the same sources give the same bytes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tools.bill_of_materials import bill_of_materials
from tools.locks import CHECKOUT

DIST = CHECKOUT / "dist"
SUMS = "SHA256SUMS"
INSIDE = [
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "pyproject.toml"),
    *(".ci", ".devcontainer", ".dockerignore", ".editorconfig", ".github", ".pre-commit-config.yaml"),
    *(
        "Dockerfile",
        "Makefile",
        "benchmarks",
        "clients",
        "deploy",
        "docs",
        "examples",
        "requirements",
        "src",
        "tests",
        "tools",
    ),
]
"""The files and folders that a release is built from."""

NOT_INSIDE = shutil.ignore_patterns("__pycache__", "node_modules", "dynamodb-local", "secrets", "*.db*")

_RELATIVE_LINK = re.compile(r"\]\((?!https?://|#)([^)\s]+)\)")


class CannotRelease(Exception):
    """The release cannot be built; the message contains the reason and what to do."""


def release(folder: Path = DIST) -> list[Path]:
    """Build the release in the folder, replacing an earlier one, and return its files. Raises `CannotRelease`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        built = _build(Path(made))
        bill = Path(made) / "orderkeep.cdx.json"
        bill.write_bytes(bill_of_materials(built))
        for old in (*folder.glob("orderkeep-*.whl"), *folder.glob("orderkeep-*.tar.gz")):
            old.unlink()
        files = [file.replace(folder / file.name) for file in (*built, bill)]
    sums = folder / SUMS
    sums.write_text("".join(f"{digest(file)}  {file.name}\n" for file in files), encoding="utf-8")
    return [*files, sums]


def digest(file: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def not_committed() -> list[str]:
    """Return the files of a release that have uncommitted changes."""
    command = ["git", "status", "--porcelain", "--untracked-files=all", "--", *INSIDE]
    asked = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise CannotRelease(f"a release is built from a commit, and git finds none here: {asked.stderr.strip()}")
    return [line[3:] for line in asked.stdout.splitlines()]


def with_absolute_links(readme: str, project: dict[str, Any]) -> str:
    """Return the README for the page of a package index, on which relative links are broken."""
    return _RELATIVE_LINK.sub(rf"]({project['urls']['Repository']}/blob/v{project['version']}/\1)", readme)


def _build(folder: Path) -> list[Path]:
    """Build the source archive from a copy of the checkout, and the wheel from that."""
    with tempfile.TemporaryDirectory() as copied:
        source = Path(copied)
        for name in INSIDE:
            if (CHECKOUT / name).is_dir():
                shutil.copytree(CHECKOUT / name, source / name, ignore=NOT_INSIDE)
            else:
                shutil.copy(CHECKOUT / name, source / name)
        project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        readme = source / "README.md"
        readme.write_text(with_absolute_links(readme.read_text(encoding="utf-8"), project), encoding="utf-8")
        return _built(source, folder)


def _built(source: Path, folder: Path) -> list[Path]:
    uv = Path(sys.executable).with_name("uv")
    options = ["--quiet", "--offline", "--no-config", "--python", sys.executable, "--out-dir", str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    command = [str(uv), "build", *options, str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if built.returncode:
        raise CannotRelease(f"the package cannot be built:\n{built.stderr}")
    return [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]


def main() -> None:
    """Build the release of the current commit in dist/."""
    try:
        if changed := not_committed():
            raise CannotRelease(f"a release is built from a commit: commit these files first: {', '.join(changed)}")
        *files, sums = release()
    except CannotRelease as error:
        sys.exit(str(error))
    for file in files:
        print(f"{file.relative_to(CHECKOUT)}: {file.stat().st_size:,} bytes\n  SHA-256 {digest(file)}")
    print(f"{sums.relative_to(CHECKOUT)}: `cd dist && sha256sum --check {sums.name}` checks them")


if __name__ == "__main__":
    main()
