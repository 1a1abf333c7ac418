"""A shop moves from SQLite to PostgreSQL while it sells, and the mover is killed; and the same without a fence, which
must lose something.
"""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("options", [["--kills", "3"], ["--control"]], ids=["move", "control"])
def test_move_loses_nothing_and_a_copy_does(postgres_url: str, options: list[str]) -> None:
    command = [sys.executable, "-m", "tests.torture.moves", "sqlite", postgres_url, "--seconds", "2", *options]
    done = subprocess.run(
        [*command, "--suspensions", "0", "--kill-seconds", "0", "--give-up-seconds", "240"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (" acknowledged changes lost" in done.stdout) == ("--control" in options)
    print(done.stdout)
