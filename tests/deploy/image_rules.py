"""What our Dockerfile must hold to, beyond what hadolint looks for."""

import re
import tomllib
from collections.abc import Iterator

from tests.conftest import CHECKOUT
from tests.deploy.dockerfile import Instruction, instructions_of

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
LABELS = {
    "title": PROJECT["name"],
    "version": VERSION,
    "licenses": PROJECT["license"],
    "url": PROJECT["urls"]["Homepage"],
    "source": PROJECT["urls"]["Repository"],
    "documentation": PROJECT["urls"]["Documentation"],
    "authors": PROJECT["authors"][0]["name"],
}
"""The labels of the OCI image specification that repeat what the package declares."""

_INSTALL = re.compile(r"\bpip (?:install|download)\b[^&;|]*")
_ALREADY_HERE = ("--offline", "--no-deps")


def findings(dockerfile: str) -> list[str]:
    """Return what is wrong with it, each in a sentence."""
    steps = instructions_of(dockerfile)
    last = steps[max(index for index, step in enumerate(steps) if step.name == "FROM") :]
    return [*_of_bases(steps), *_of_installs(steps), *_of_the_image(last)]


def _of_bases(steps: list[Instruction]) -> Iterator[str]:
    bases = [value for step in steps if step.name == "ARG" for value in step.pairs.values()]
    stages = [step.rest for step in steps if step.name == "FROM"]
    if any(not stage.startswith("${PYTHON_IMAGE}") for stage in stages):
        yield "a stage does not begin with PYTHON_IMAGE"
    if not all(re.fullmatch(r"python:3\.\d+(\.\d+)?-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base) for base in bases):
        yield "PYTHON_IMAGE does not name a version of Python and of Debian"


def _of_installs(steps: list[Instruction]) -> Iterator[str]:
    for step in steps:
        for install in _INSTALL.findall(step.rest) if step.name == "RUN" else ():
            if "--require-hashes" not in install and not all(option in install for option in _ALREADY_HERE):
                yield f"line {step.line}: an install is not held to hashes"


def _of_the_image(last: list[Instruction]) -> Iterator[str]:
    said = {step.name: step for step in last}
    user = said["USER"].rest if "USER" in said else "root"
    if not re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", user):
        yield f"the user is {user}, not a number of its own"
    for name in ("HEALTHCHECK", "ENTRYPOINT", "CMD", "STOPSIGNAL", "VOLUME"):
        if name not in said:
            yield f"there is no {name}"
    if any(step.name == "RUN" for step in last):
        yield "the last stage runs something, and needs a shell"
    labels = said["LABEL"].pairs if "LABEL" in said else {}
    for name, value in LABELS.items():
        if (given := labels.get(f"org.opencontainers.image.{name}")) != value:
            yield f"the label {name} is {given}, but the package declares {value}"
