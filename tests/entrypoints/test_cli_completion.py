"""`orderkeep completion`: each shell accepts the script, and completes what is typed."""

import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.entrypoints.cli_calls import Cli, environment

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
PATIENCE_SECONDS = 30
"""Without output for so long, a shell has completed nothing."""

SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}
SET_UP = {
    "bash": 'eval "$(orderkeep completion bash)"',
    "zsh": 'autoload -U compinit; compinit -u -D; eval "$(orderkeep completion zsh)"',
}


def _installed(shell: str) -> str:
    """Skip the test without the shell, also in CI: only bash is required to work on the project."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    return shell


def _read_until(terminal: int, text: str) -> None:
    seen = b""
    while text.encode() not in seen:
        assert select.select([terminal], [], [], PATIENCE_SECONDS)[0], seen.decode()
        seen += os.read(terminal, 65_536)  # raises OSError if the shell exits


@pytest.mark.parametrize("typed, completed", [("hist", "history"), ("list --status del", "list --status delivered")])
@pytest.mark.parametrize("shell", SHELLS)
def test_shell_completes_what_is_typed(shell: str, typed: str, completed: str, tmp_path: Path) -> None:
    _installed(shell)
    ours, theirs = pty.openpty()
    env = environment(PATH=PATH, HOME=str(tmp_path), TERM="dumb", PS1="> ")
    with subprocess.Popen(SHELLS[shell], cwd=tmp_path, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            os.write(ours, f"{SET_UP[shell]}; echo is 'ready'\n".encode())
            _read_until(ours, "is ready")
            os.write(ours, f"orderkeep {typed}\t".encode())
            _read_until(ours, f"orderkeep {completed}")
        finally:
            process.kill()
    os.close(ours)


@pytest.mark.parametrize(
    "typed, candidates",
    [
        ("c", ["confirm", "cancel", "cancel-lines", "checkpoint", "compare", "completion", "config", "copy"]),
        ("keys ", ["create", "list", "revoke"]),
        ("--json list --st", ["--status", "--store"]),
        ("list --status p", ["pending", "partially_shipped", "processing"]),
    ],
)
def test_fish_completes_what_is_typed(typed: str, candidates: list[str], tmp_path: Path) -> None:
    script = 'orderkeep completion fish | source; complete --do-complete "orderkeep $argv[1]"'
    command = [_installed("fish"), "--no-config", "-c", script, "--", typed]
    env = environment(PATH=PATH, HOME=str(tmp_path))
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert sorted(line.split("\t")[0] for line in done.stdout.splitlines()) == sorted(candidates)


def test_completion_of_commands_imports_none_of_them(tmp_path: Path) -> None:
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*(name for name in sys.modules if '.commands.' in name), file=sys.stderr))\n"
        "from orderkeep.entrypoints.cli.main import main; main()"
    )
    env = environment(_ORDERKEEP_COMPLETE="zsh_complete", COMP_WORDS="orderkeep ver", COMP_CWORD="1")
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "plain\nverify\nCheck the integrity of all orders and their history.\n"
    assert done.stderr.split() == []


def test_completion_rejects_another_shell() -> None:
    assert (
        "Invalid value for 'SHELL': 'sh' is not one of 'bash', 'zsh', 'fish'."
        in Cli()("completion", "sh", code=2).stderr
    )
