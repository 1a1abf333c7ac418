"""An output file that is replaced only when the new content is complete."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import click

from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.failures import cannot_write


class OutputFile:
    """Stdout for `-`, or a file. A regular file is written to a temporary file beside it and renamed at the end;
    anything else (a pipe, a device) is written directly. With `is_text`, control characters are escaped on a terminal.
    """

    def __init__(self, path: str, *, is_text: bool = False) -> None:
        self.name, self.is_text = path, is_text
        self.path = None if path == "-" else Path(path).resolve()
        self.temporary: Path | None = None
        self.file: IO[bytes] | None = None

    def __enter__(self) -> OutputFile:
        if self.path is None:
            return self
        try:
            if self.path.exists() and not self.path.is_file():
                self.file = self.path.open("wb")
            else:
                self.temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
                self.file = self.temporary.open("xb")
        except OSError as error:
            raise click.BadParameter(f"cannot write {self.name}: {error.strerror}", param_hint="FILE") from None
        return self

    def write(self, data: bytes) -> None:
        """Write to the file. Raises `Failure` if that is not possible."""
        if self.file is None:
            output.write_data(data) if self.is_text else output.write(data)
            return
        try:
            self.file.write(data)
        except OSError as error:
            raise cannot_write(self.name, error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file is None:
            return
        try:
            if kind is None:
                self._complete(self.file)
        except OSError as problem:
            raise cannot_write(self.name, problem) from problem
        finally:
            self._close(self.file)

    def _complete(self, file: IO[bytes]) -> None:
        file.flush()
        if self.temporary is None or self.path is None:
            return
        os.fsync(file.fileno())
        if self.path.exists():
            shutil.copymode(self.path, self.temporary)
        self.temporary.replace(self.path)
        self.temporary = None

    def _close(self, file: IO[bytes]) -> None:
        with suppress(OSError):  # closing retries the write that failed
            file.close()
        if self.temporary is not None:
            self.temporary.unlink(missing_ok=True)
