"""Does what a reader does: works through a page's commands, in one folder, on a terminal, with a real server."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.console import Command, matches
from tests.docs.pages import CHECKOUT

SERVE = re.compile(r"^(make serve|orderkeep serve|uvicorn \S+)(?P<options>( .*)?)$")
NOT_RUN = {
    "make",
    "make check",
    "make clients",
    "make conformance",
    "make dev",
    "make contracts",
    "make docs",
    "make fuzz SECONDS=600 TARGET=cursors",
    "make lambda",
    "make lock",
    "make mutants MODULE=domain/entities.py SAMPLE=50 SEED=7",
    "make release",
    "make setup",
    "make test",
    "make torture STORE=sqlite:///scratch.db ROUNDS=1000",
    "make unit",
    'make test ARGS="tests/test_cancel_order.py"',
    'make test ARGS="tests/architecture -k planted"',
    "make bench BENCH=benchmarks/store_saves.py",
    "make bench BENCH=benchmarks/tutorial.py",
    "npm install ./dist/clients/orderkeep-client-0.1.0.tgz",
    "pip install dist/clients/orderkeep_client-0.1.0-py3-none-any.whl",
    "python -m tests.docs.reference_tables",
}
"""What installs, or runs the whole of the tests: allowed in a page, and not run from here. Nothing else is left out.
`make unit` of a new service is run: it takes seconds.
"""

RESTORE_STATE = 'test -f "$HOME/.state" && . "$HOME/.state" && cd "$PWD"'
KEEP_STATE = 'export -p > "$HOME/.state"'
"""A page's variables and its folder go from command to command, as in one shell."""

NEW = re.compile(r"^make new NAME=(\S+) TARGET=(\S+) ENTITY=(\S+)$")
"""Run as the command that `make new` calls: the reader's checkout has no Makefile."""

SHOWN_PORT = 8000
SHOWN_POSTGRES = "postgresql://localhost/orders"
LAST_LINE_OF_BANNER = b"ctrl+c"
"""Printed when the service is ready. No request is sent before: on a terminal, it would be logged."""

PATIENCE_SECONDS = 60
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\].*?(?:\x07|\x1b\\)")


class Drift(AssertionError):
    """The page shows one thing, and another happens."""


class Reader:
    """One reader at one page. Variables, the folder and the last exit code carry over between commands."""

    def __init__(self, folder: Path, diffs: Sequence[str] = (), postgres_url: str = SHOWN_POSTGRES) -> None:
        self.folder = folder
        self.port = _free_port()
        self.postgres_url = postgres_url
        self.exit_code = 0
        self.server: tuple[subprocess.Popen[bytes], int] | None = None
        (folder / ".home").mkdir(parents=True)
        for name in (".venv", "benchmarks", "docs", "examples", "tests"):
            (folder / name).symlink_to(CHECKOUT / name)
        if diffs:
            apply(diffs, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop_server()

    def follow(self, commands: list[Command]) -> None:
        """Run the commands. Raises `Drift` where output or exit code are not as shown."""
        is_in_new_service = False
        for command, behind in zip(commands, [*commands[1:], None], strict=True):
            is_in_new_service = is_in_new_service or bool(NEW.match(command.text))
            if command.text in NOT_RUN and not (is_in_new_service and command.text == "make unit"):
                continue
            told = behind is not None and behind.text == "echo $?"
            self._follow_one(command, is_exit_code_told=told)

    def _follow_one(self, command: Command, *, is_exit_code_told: bool) -> None:
        serve = SERVE.match(command.text)
        printed = self._serve(serve[1], serve["options"]) if serve else self._run(command.text)
        where = f"{command.place}: $ {command.text}\n"
        if command.shown and not matches(command.shown, printed):
            shown = "\n".join(command.shown)
            raise Drift(f"{where}--- the page shows\n{shown}\n--- what is printed\n{printed}")
        if self.exit_code and not is_exit_code_told:
            raise Drift(f"{where}fails ({self.exit_code}), and the page does not say so:\n{printed}")

    def _run(self, text: str) -> str:
        script = f"(exit {self.exit_code})\n{self._as_it_is_here(text)}\n__code=$?\n{KEEP_STATE}\nexit $__code"
        process, terminal = self._start(script)
        printed = _read_to_the_end(process, terminal)
        self.exit_code = process.wait()
        return self._as_it_is_shown(printed)

    def _serve(self, program: str, options: str) -> str:
        self.stop_server()
        settings = [part.partition("=") for part in options.split()]
        store = "".join(f"--store '{value}'" for name, _, value in settings if name == "STORE")
        store = self._as_it_is_here(store)
        ours = program if program.startswith("uvicorn") else f".venv/bin/orderkeep {store} serve"
        command = f"if test -f Makefile; then exec make serve PORT={self.port}; fi; exec {ours} --port {self.port}"
        process, terminal = self._start(command)
        self.server = process, terminal
        printed = b""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while LAST_LINE_OF_BANNER not in printed.lower():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Drift(f"the server does not start:\n{printed.decode()}")
            printed += _read_what_is_there(terminal, 0.05)
        printed += _read_what_is_there(terminal, 0.2)
        self.exit_code = 0
        return self._as_it_is_shown(_plain(printed))

    def stop_server(self) -> None:
        """Press Ctrl-C in the server's window, if there is one."""
        if self.server is None:
            return
        process, terminal = self.server
        self.server = None
        os.killpg(process.pid, signal.SIGINT)
        _read_to_the_end(process, terminal)
        process.wait()

    def _start(self, script: str) -> tuple[subprocess.Popen[bytes], int]:
        terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        environment = {
            "PATH": f"{self.folder}/.venv/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder / ".home"),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "COLUMNS": "120",
            "LINES": "50",
            "NO_PROXY": "*",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # of the plugins of this environment, readers have this one
            "PYTEST_PLUGINS": "pytest_asyncio.plugin",
            "PYTHONPATH": str(self.folder / "src"),  # there only if a page changes the code or uses a client
            "BIN": str(self.folder / ".venv" / "bin"),  # what a new service uses instead of packages of its own
        }
        process = subprocess.Popen(
            ["bash", "-c", f"{RESTORE_STATE}\n{script}"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=end,
            stderr=end,
            start_new_session=True,
        )
        os.close(end)
        return process, terminal

    def _as_it_is_here(self, text: str) -> str:
        text = NEW.sub(r"orderkeep new \2 --name \1 --entity \3", text)
        return text.replace(f":{SHOWN_PORT}", f":{self.port}").replace(SHOWN_POSTGRES, self.postgres_url)

    def _as_it_is_shown(self, text: str) -> str:
        return text.replace(self.postgres_url, SHOWN_POSTGRES).replace(f":{self.port}", f":{SHOWN_PORT}")


def apply(diffs: Sequence[str], folder: Path) -> None:
    """Copy the source into the folder, and change it as the diffs say, unless a reader has done so in this checkout."""
    shutil.copytree(CHECKOUT / "src", folder / "src", ignore=shutil.ignore_patterns("*.pyc.*"))
    for diff in diffs:
        revert = ["git", "apply", "--reverse", "--check", "-"]
        done = subprocess.run(revert, cwd=folder, input=f"{diff}\n", text=True, capture_output=True, check=False)
        if done.returncode:
            subprocess.run(["git", "apply", "-"], cwd=folder, input=f"{diff}\n", text=True, check=True)


def _read_to_the_end(process: subprocess.Popen[bytes], terminal: int) -> str:
    printed = b""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with contextlib.suppress(OSError):  # how a terminal says that nobody is at its other end
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 1)[0]:
                printed += os.read(terminal, 65536)
        process.kill()
    os.close(terminal)
    return _plain(printed)


def _read_what_is_there(terminal: int, patience: float) -> bytes:
    printed = b""
    with contextlib.suppress(OSError):
        while select.select([terminal], [], [], patience)[0]:
            printed += os.read(terminal, 65536)
    return printed


def _plain(printed: bytes) -> str:
    text = _ESCAPES.sub("", printed.decode()).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
