"""Calls of the command line in this process, on one store in memory that outlives them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from orderkeep.bootstrap import UseCases, bootstrap
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.cli.session import Session


@dataclass
class Cli:
    """`cli("list", "--json")` is `orderkeep list --json`; `use_cases` are those on the same store."""

    use_cases: UseCases = field(default_factory=lambda: bootstrap("memory://"))

    def __call__(self, *args: str, stdin: bytes | str | None = None, code: int | None = 0) -> Result:
        """Run the command; fail unless it exits with `code` (None: any)."""
        session = Session(open=lambda url, access: replace(self.use_cases, close=_stay_open))
        result = CliRunner().invoke(cli, args, input=stdin, obj=session, prog_name="orderkeep")
        assert code is None or result.exit_code == code, f"{result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, *args: str, stdin: bytes | str | None = None, code: int = 0) -> Any:
        """Run the command with `--json`, and return its output."""
        return json.loads(self(*args, "--json", stdin=stdin, code=code).stdout)

    def error(self, *args: str, stdin: bytes | str | None = None, code: int) -> Any:
        """Run the command with `--json`, and return the error; stdout must be empty."""
        result = self(*args, "--json", stdin=stdin, code=code)
        assert result.stdout == ""
        return json.loads(result.stderr)

    def place(self, *args: str) -> str:
        """Place an order, and return its id."""
        order = self.json("place", "--user", "user-42", "--total", "99.00", "--currency", "EUR", *args)
        return str(order["id"])


async def _stay_open() -> None:
    return None


def run(*args: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run `orderkeep` as a process of its own."""
    command = [sys.executable, "-m", "orderkeep", *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False, timeout=60, **options)


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment with further variables."""
    return {**os.environ, **variables}


def on_a_terminal(*args: str, cwd: Path, stream: str, code: int = 0, **variables: str) -> tuple[str, bytes]:
    """Run the command with one stream on a terminal; return its output there, and on the other stream."""
    ours, theirs = pty.openpty()
    other = "stderr" if stream == "stdout" else "stdout"
    env = environment(**{"TERM": "xterm-256color", "COLUMNS": "160"} | variables)
    streams = {stream: theirs, other: subprocess.PIPE}
    command = [sys.executable, "-m", "orderkeep", *args]
    with subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, **streams) as process:  # type: ignore[call-overload]
        os.close(theirs)
        seen = b"".join(all_of(ours))
        beside = getattr(process, other).read()
    os.close(ours)
    assert process.returncode == code, beside
    return seen.decode(), beside


def all_of(terminal: int) -> Iterator[bytes]:
    """Yield the output at our side of a terminal until its other side is closed."""
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux, once the other side is closed
            return
        if not piece:
            return
        yield piece
