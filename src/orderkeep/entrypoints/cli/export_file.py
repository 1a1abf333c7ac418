"""A file to export to: it is there when it is complete, and before that it is what it was."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import click

from orderkeep.entrypoints.cli import output


class Target:
    """Stdout for `-`, or a file. A regular file is written beside its place and takes it at the end; anything else
    (a pipe, a device) is written to as it is. `is_text`: a terminal is shown it without what that would obey.
    """

    def __init__(self, path: str, *, is_text: bool = False) -> None:
        self.name, self.is_text = path, is_text
        self.path = None if path == "-" else Path(path).resolve()
        self.beside: Path | None = None
        self.file: IO[bytes] | None = None

    def __enter__(self) -> Target:
        if self.path is None:
            return self
        try:
            if self.path.exists() and not self.path.is_file():
                self.file = self.path.open("wb")
            else:
                self.beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
                self.file = self.beside.open("xb")
        except OSError as error:
            raise click.BadParameter(f"cannot write {self.name}: {error.strerror}", param_hint="FILE") from None
        return self

    def write(self, data: bytes) -> None:
        """Write to the file. Raises `Failure` where it takes no more."""
        if self.file is None:
            output.write_data(data) if self.is_text else output.write(data)
            return
        try:
            self.file.write(data)
        except OSError as error:
            raise output.cannot_write(self.name, error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file is None:
            return
        try:
            if kind is None:
                self._finish(self.file)
        except OSError as problem:
            raise output.cannot_write(self.name, problem) from problem
        finally:
            self._let_go(self.file)

    def _finish(self, file: IO[bytes]) -> None:
        file.flush()
        if self.beside is None or self.path is None:
            return
        os.fsync(file.fileno())
        if self.path.exists():
            shutil.copymode(self.path, self.beside)
        self.beside.replace(self.path)
        self.beside = None

    def _let_go(self, file: IO[bytes]) -> None:
        with suppress(OSError):  # the disk is full, as was said; closing tries once more to write what is left
            file.close()
        if self.beside is not None:
            self.beside.unlink(missing_ok=True)
