"""Reads a Dockerfile: its instructions, one by one. What it does not know, it refuses."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

KNOWN: dict[str, set[str]] = {
    **{name: set() for name in ("ARG", "FROM", "LABEL", "RUN", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE")},
    **{name: set() for name in ("STOPSIGNAL", "ENTRYPOINT", "CMD")},
    "COPY": {"from", "chown"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "retries"},
}
"""Each instruction that is known, and its flags."""

_FLAG = re.compile(r"--(?P<name>[a-z-]+)=(?P<value>\S+)\s+")


class Unknown(ValueError):
    """An instruction that is not known here, or is written in a way that is not."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its flags, and what follows them."""

    line: int
    name: str
    flags: dict[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """What follows, as the words that a shell would see."""
        return shlex.split(self.rest)

    @property
    def pairs(self) -> dict[str, str]:
        """What follows, as `name=value` each."""
        pairs = [word.partition("=") for word in self.words]
        if not all(equals for _, equals, _ in pairs):
            raise Unknown(f"line {self.line}: {self.name} is written {self.name} name=value here")
        return {name: value for name, _, value in pairs}

    @property
    def command(self) -> list[str]:
        """What follows, as a command that needs no shell."""
        try:
            command = json.loads(self.rest)
        except ValueError:
            command = None
        if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
            raise Unknown(f'line {self.line}: {self.name} is written ["program", "argument"], which needs no shell')
        return command


def instructions_of(text: str) -> list[Instruction]:
    """Return the instructions of a Dockerfile. Raises `Unknown`."""
    return [_instruction(number, line) for number, line in _joined(text)]


def _joined(text: str) -> Iterator[tuple[int, str]]:
    held, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        start = start if held else number
        held += line.strip() if not held else f" {line.strip()}"
        if held.endswith("\\"):
            held = held[:-1].rstrip()
            continue
        yield start, held
        held = ""
    if held:
        raise Unknown(f"line {start}: the file ends within an instruction")


def _instruction(number: int, line: str) -> Instruction:
    name, _, rest = line.partition(" ")
    if name not in KNOWN or "<<" in rest:
        raise Unknown(f"line {number}: {line!r} is not known here")
    flags, rest = {}, rest.strip()
    while found := _FLAG.match(rest):
        flags[found["name"]] = found["value"]
        rest = rest[found.end() :]
    if rest.startswith("--") or flags.keys() - KNOWN[name]:
        raise Unknown(f"line {number}: {line!r} has a flag that is not known here")
    return Instruction(number, name, flags, rest)
