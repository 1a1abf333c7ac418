"""Statistics stay exact while the processes that count are killed. `ORDERKEEP_TEST_COMMANDS` runs more commands than a
test suite should.
"""

import os
import subprocess
import sys

import pytest

COMMANDS = os.environ.get("ORDERKEEP_TEST_COMMANDS", "3000")
SECONDS = os.environ.get("ORDERKEEP_TEST_SECONDS", "480")


@pytest.mark.parametrize("store_url", ["memory", "sqlite", "postgres", "dynamodb"], indirect=True)
def test_statistics_are_exact_after_random_kills(store_url: str) -> None:
    command = [sys.executable, "-m", "tests.torture.killed_projectors", store_url]
    done = subprocess.run(
        [*command, "--commands", COMMANDS, "--seconds", SECONDS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
