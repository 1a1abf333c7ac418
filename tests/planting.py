"""A copy of the code with bugs planted in it, so that a gate is seen to find them."""

import shutil
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[1]


class Bug(NamedTuple):
    """Where it is planted: the file, what stands there once, and what stands there instead."""

    file: str
    there: str
    instead: str


def planted(folder: Path, *bugs: Bug) -> str:
    """Copy the code to that folder, with the bugs. Return what PYTHONPATH must be to run it."""
    ours = shutil.ignore_patterns("*.pyc.*")  # being written; other bytecode stays valid for what is not changed
    shutil.copytree(CHECKOUT / "src", folder / "src", ignore=ours)
    for bug in bugs:
        path = folder / "src" / "orderkeep" / bug.file
        code = path.read_text(encoding="utf-8")
        assert code.count(bug.there) == 1, f"{bug.file} has changed: plant another bug"
        path.write_text(code.replace(bug.there, bug.instead), encoding="utf-8")
    return str(folder / "src")
