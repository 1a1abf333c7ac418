"""Services that are created for tests, and what runs in them."""

import os
import subprocess
import sys
from pathlib import Path

from orderkeep.entrypoints.new_service import Service, create_service, plural_of

BIN = Path(sys.executable).parent
"""The packages of this checkout: those that a service requires are among them."""


def created(folder: Path, parts: str, name: str = "shop", entity: str = "booking") -> Path:
    """Create a service in a folder, and return its folder."""
    target = folder / name
    create_service(Service(name, entity, plural_of(entity), tuple(parts.split(","))), target)
    return target


def run(folder: Path, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of a service, and return what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": "src", **variables}
    return subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def make(folder: Path, *arguments: str, **variables: str) -> None:
    """Run targets of the service's `Makefile` with the packages of this checkout."""
    made = run(folder, "make", *arguments, f"BIN={BIN}", **variables)
    assert made.returncode == 0, made.stdout
