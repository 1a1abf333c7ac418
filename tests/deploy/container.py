"""Runs an image that was replayed: its own command, its own environment, on a root that can only be read."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.deploy import trees
from tests.deploy.replay import Image

SECONDS_TO_START = 60.0

WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
"""How root becomes somebody to whom a file that is not writable is not: cap_drop ALL and no-new-privileges."""


class Container:
    """One container of an image. Its volumes are its own, and nothing else can be written."""

    def __init__(self, image: Image, folder: Path, variables: Mapping[str, str]) -> None:
        root = folder / "root"
        trees.copy(image.root, root, image.root, root)
        self.image = replace(image, root=root, environment={**image.environment, **variables})
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"

    def __enter__(self) -> Self:
        self._set_writable(writable=False)
        self.at_first = self._all_but_volumes()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._set_writable(writable=True)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.image.environment['ORDERKEEP_PORT']}"

    def mount(self, file: Path, content: str) -> None:
        """Put a file there that it may read, as an engine mounts a secret."""
        self._set_writable(writable=True)
        file.parent.mkdir(parents=True)
        file.write_text(content, encoding="utf-8")
        self._set_writable(writable=False)
        self.at_first = self._all_but_volumes()

    def start(self, health: Sequence[str] = ()) -> None:
        """Start what the image starts, and return once its own health check is content, or another one."""
        with self.log.open("ab") as log:
            self.process = self._spawn([*self.image.entrypoint, *self.image.command], stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS_TO_START
        while self.execute(*(health or self.image.health)).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the container does not get healthy: {self.said()}")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run the image with another command, as `docker run IMAGE COMMAND` does."""
        return self.execute(*self.image.entrypoint, *command)

    def shown(self) -> dict[str, str]:
        """Make an API key for staff in the container's store, and return the header that shows it."""
        made = self.run("keys", "create", "--name", "tests", "--scope", "orders:read", "--scope", "orders:write")
        if made.returncode:
            raise RuntimeError(f"no key can be made: {made.stderr}")
        return {"Authorization": f"Bearer {made.stdout.strip()}"}

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the image, as `docker exec` does."""
        process = self._spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=SECONDS_TO_START)
        return subprocess.CompletedProcess(command, process.returncode, out.decode(), err.decode())

    def health(self) -> subprocess.CompletedProcess[str]:
        """Run the image's health check once; the exit code is 0 where the container is healthy."""
        return self.execute(*self.image.health)

    def stop(self, seconds: float) -> int:
        """Send the image's stop signal and return the exit code. Raises where it takes longer than it is given."""
        assert self.process is not None
        self.process.send_signal(signal.Signals[self.image.stop_signal])
        return self.process.wait(seconds)

    def said(self) -> str:
        """Return what was written to the log."""
        return self.log.read_text(encoding="utf-8")

    def written(self) -> list[str]:
        """Return the files outside the volumes that came, went or changed since the start."""
        return sorted(name for name, _ in self.at_first ^ self._all_but_volumes())

    def _spawn(
        self, command: Sequence[str], *, stdout: int | IO[bytes], stderr: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        variables = self.image.variables()
        program = shutil.which(command[0], path=variables["PATH"])
        if program is None:
            raise FileNotFoundError(f"there is no {command[0]} on the PATH of the image")
        return subprocess.Popen(
            [*_without_privileges(), program, *command[1:]],
            cwd=trees.at(self.image.root, self.image.folder),
            env={**variables, "HOME": str(self.image.root)},  # as for a user that the image does not know
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )

    def _volumes(self) -> list[Path]:
        return [trees.at(self.image.root, volume) for volume in self.image.volumes]

    def _set_writable(self, *, writable: bool) -> None:
        own = [path for path, owner in self.image.owners.items() if owner == self.image.user]
        volumes = [trees.at(self.image.root, path) for path in self.image.volumes if path in own]
        for folder, _, names in os.walk(self.image.root):
            here = Path(folder)
            if not writable and any(here.is_relative_to(volume) for volume in volumes):
                continue
            for path in (here, *(here / name for name in names if not (here / name).is_symlink())):
                mode = path.stat().st_mode
                path.chmod(mode | 0o200 if writable else mode & ~0o222)

    def _all_but_volumes(self) -> set[tuple[str, tuple[int, int]]]:
        found = set()
        for folder, _, names in os.walk(self.image.root):
            for name in names:
                path = Path(folder, name)
                if not any(path.is_relative_to(volume) for volume in self._volumes()):
                    status = path.lstat()
                    found.add((str(path.relative_to(self.image.root)), (status.st_mtime_ns, status.st_size)))
        return found


def _without_privileges() -> list[str]:
    if os.geteuid() != 0:
        return []
    program, *options = WITHOUT_PRIVILEGES
    found = shutil.which(program)
    assert found, f"{program} of util-linux is needed where tests run as root"
    return [found, *options]
