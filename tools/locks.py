"""What stands in requirements/*.txt: packages at their versions, their hashes, and who wants each of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
REQUIREMENTS = CHECKOUT / "requirements"

_FIRST_LINE = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\?$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")
_WANTED_BY = re.compile(r"^ +#(?: via|  ) ([a-z0-9-]+)\b(?! \()", re.MULTILINE)  # no package: "-c …", "orderkeep (…)"


@dataclass(frozen=True)
class Locked:
    """A package as it is locked: where it is installed (nothing: everywhere), and which packages want it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    wanted_by: frozenset[str]


def read_lock(text: str) -> list[Locked]:
    """Return what a lock holds, in its order."""
    return [_read_entry(entry) for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]


def _read_entry(entry: str) -> Locked:
    first = _FIRST_LINE.match(entry)
    if not first:
        raise ValueError(f"this is no entry of a lock: {entry.partition(chr(10))[0]!r}")
    wanted_by = frozenset(_WANTED_BY.findall(entry))
    return Locked(first["name"], first["version"], first["marker"] or "", tuple(_HASH.findall(entry)), wanted_by)


def with_all_they_want(names: Iterable[str], locked: Iterable[Locked]) -> set[str]:
    """Return the names and those of all that they bring with them."""
    reached, entries = set(names), list(locked)
    while more := {entry.name for entry in entries if entry.wanted_by & reached} - reached:
        reached |= more
    return reached
