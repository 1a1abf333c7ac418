"""Builds the package for AWS Lambda, with the pinned requirements for its Python and machine: `make lambda`."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "dist" / "lambda"


def main(python: str, machine: str) -> None:
    """Write the packages and the service to a folder, and put it into an archive."""
    shutil.rmtree(BUILD, ignore_errors=True)
    platforms = [f"--platform=manylinux{release}_{machine}" for release in ("2014", "_2_17", "_2_28")]
    chosen = ["--only-binary=:all:", f"--python-version={python}", *platforms, f"--target={BUILD}"]
    pinned = ["--no-deps", "--require-hashes", f"--requirement={ROOT / 'requirements' / 'runtime.txt'}"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *chosen, *pinned], check=True)
    package = ROOT / "src" / "sample_service"
    shutil.copytree(package, BUILD / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    print(shutil.make_archive(str(BUILD), "zip", BUILD))


if __name__ == "__main__":
    main(*sys.argv[1:])
