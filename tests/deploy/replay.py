"""Build a Dockerfile without a container engine: each stage in a folder that is its `/`.

The limits: steps run on this machine and with this test's Python, not with the one that FROM names; they see the
machine's own shell and system tools; packages come from .venv/wheels, where `make setup` put them, with the same
hashes. The owner of a file is noted, not set. An unknown instruction ends it.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from string import Template

from tests.deploy import trees
from tests.deploy.context import BuildContext
from tests.deploy.dockerfile import Instruction, Unknown, instructions_of

WHEELS = Path(__file__).parents[2] / ".venv" / "wheels"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "UV_OFFLINE": "1", "UV_NO_INDEX": "1"}
FROM_WHEELS = {"PIP_FIND_LINKS": str(WHEELS), "UV_FIND_LINKS": str(WHEELS)}

PATH_OF_THE_BASE = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


class StepFailed(Exception):
    """A step of the Dockerfile does not work."""


@dataclass
class Image:
    """A stage: the folder that stands for its `/`, and how it says that it is to be run."""

    root: Path
    base: str
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH_OF_THE_BASE})
    owners: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    user: str = "0:0"
    folder: str = "/"
    stop_signal: str = "SIGTERM"

    def variables(self) -> dict[str, str]:
        """Return the environment with the image's paths as they are here."""
        return {name: trees.as_it_is_here(value, self.root) for name, value in self.environment.items()}


class Replay:
    """Builds an image below a folder."""

    def __init__(self, context: Path, folder: Path) -> None:
        self.context, self.folder = BuildContext(context), folder
        self.arguments: dict[str, str] = {}
        self.stages: dict[str, Image] = {}
        self.image: Image | None = None

    def build(self, dockerfile: str) -> Image:
        """Return the last stage. Raises `StepFailed`, and `Unknown` before anything is done."""
        steps = instructions_of(dockerfile)
        for step in steps:
            if step.name == "ARG" and self.image is None:
                self.arguments |= step.pairs
            elif step.name == "FROM":
                self._from(step)
            elif self.image is None or step.name == "ARG":
                raise Unknown(f"line {step.line}: {step.name} stands where it is not known")
            else:
                getattr(self, f"_{step.name.lower()}")(step, self.image)
        if self.image is None:
            raise Unknown("there is no FROM")
        return self.image

    def _from(self, step: Instruction) -> None:
        base, *named = Template(step.rest).substitute(self.arguments).split()
        root = self.folder / f"stage-{len(self.stages)}"
        for name in ("usr/local/bin", "root", "tmp"):
            (root / name).mkdir(parents=True)
        python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        for name in ("python", "python3"):
            (root / "usr/local/bin" / name).symlink_to(python)
        (root / "usr/local/lib").symlink_to(python.parents[1] / "lib")
        self.image = Image(root, base)
        self.stages[named[1] if named else str(len(self.stages))] = self.image

    def _workdir(self, step: Instruction, image: Image) -> None:
        image.folder = str(PurePosixPath(image.folder, self._expanded(step.rest, image)))
        trees.at(image.root, image.folder).mkdir(parents=True, exist_ok=True)

    def _copy(self, step: Instruction, image: Image) -> None:
        *sources, given = step.words
        target = str(PurePosixPath(image.folder, given))
        into = given.endswith("/") or len(sources) > 1
        for source in sources:
            try:
                self._copy_one(source, trees.at(image.root, target), into, step.flags.get("from"), image)
            except (FileNotFoundError, KeyError) as error:
                raise StepFailed(f"line {step.line}: COPY {source}: {error}") from None
        if "chown" in step.flags:
            image.owners[target] = step.flags["chown"]

    def _copy_one(self, source: str, target: Path, into: bool, stage: str | None, image: Image) -> None:
        if stage is not None:
            other = self.stages[stage].root
            found = trees.at(other, source)
            within = target / found.name if into and not found.is_dir() else target
            return trees.copy(found, within, other, image.root)
        files = self.context.find(source)
        if not files:
            raise FileNotFoundError("there is no such file in the build context")
        above = self.context.folder / source
        for file in files:
            name = file.relative_to(above if above.is_dir() else file.parent)
            trees.copy(file, target / name if into or above.is_dir() else target, self.context.folder, image.root)
        return None

    def _run(self, step: Instruction, image: Image) -> None:
        environment = {**image.variables(), **OFFLINE, **FROM_WHEELS, "LANG": "C.UTF-8"}
        environment["PATH"] += ":/usr/bin:/bin"
        environment |= {"HOME": str(image.root / "root"), "TMPDIR": str(image.root / "tmp")}
        done = subprocess.run(
            ["sh", "-c", trees.as_it_is_here(step.rest, image.root)],
            cwd=trees.at(image.root, image.folder),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StepFailed(f"line {step.line}: RUN ends with {done.returncode}:\n{done.stdout}{done.stderr}")

    def _env(self, step: Instruction, image: Image) -> None:
        before = dict(image.environment)
        image.environment |= {name: Template(value).substitute(before) for name, value in step.pairs.items()}

    def _label(self, step: Instruction, image: Image) -> None:
        image.labels |= step.pairs

    def _user(self, step: Instruction, image: Image) -> None:
        image.user = step.rest

    def _volume(self, step: Instruction, image: Image) -> None:
        image.volumes += step.words

    def _expose(self, step: Instruction, image: Image) -> None:
        image.ports += step.words

    def _stopsignal(self, step: Instruction, image: Image) -> None:
        image.stop_signal = step.rest

    def _healthcheck(self, step: Instruction, image: Image) -> None:
        image.health = replace(step, rest=step.rest.removeprefix("CMD ")).command

    def _entrypoint(self, step: Instruction, image: Image) -> None:
        image.entrypoint = step.command

    def _cmd(self, step: Instruction, image: Image) -> None:
        image.command = step.command

    @staticmethod
    def _expanded(text: str, image: Image) -> str:
        return Template(text).substitute(image.environment)
