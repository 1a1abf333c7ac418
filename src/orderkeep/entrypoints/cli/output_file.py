"""An output file that is replaced only when the new content is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.failures import cannot_write


@contextmanager
def output_file(name: str, *, is_text: bool = False) -> Iterator[Callable[[bytes], None]]:
    """Yield the function that writes to stdout, for `-`, or to a file. A regular file is written to a temporary file
    beside it and renamed at the end; anything else (a pipe, a device) is written directly. With `is_text`, control
    characters are escaped on a terminal.
    """
    if name == "-":
        yield output.write_data if is_text else output.write
        return
    path = Path(name).resolve()
    try:
        is_regular = path.is_file() or not path.exists()
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part") if is_regular else path
        file = temporary.open("xb" if is_regular else "wb")
    except OSError as error:
        raise click.BadParameter(f"cannot write {name}: {error.strerror}", param_hint="FILE") from None

    def write(data: bytes) -> None:
        try:
            file.write(data)
        except OSError as error:
            raise cannot_write(name, error) from error

    try:
        yield write
        try:
            file.flush()
            if is_regular:
                os.fsync(file.fileno())
                if path.exists():
                    shutil.copymode(path, temporary)
                temporary.replace(path)
        except OSError as error:
            raise cannot_write(name, error) from error
    finally:
        with suppress(OSError):  # closing retries the write that failed
            file.close()
        if is_regular:
            temporary.unlink(missing_ok=True)
