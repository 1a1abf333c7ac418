"""The cold-start benchmark runs to its end; a function that does not start or responds wrongly ends it at once."""

import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL

import pytest

from benchmarks.load.lambda_runtime_api import FunctionFailed, RuntimeApi
from tests.conftest import not_here

CHECKOUT = Path(__file__).parents[2]
CLIENT = CHECKOUT / ".venv" / "stacks" / "runtime-client"
ROWS = [
    "from spawn to the first response",
    "of that on the CPU",
    "interpreter",
    "imports",
    "wiring",
    "first request",
    "warm DELETE /orders/{id}",
    "of that on the CPU",
    "warm GET /orders/{id}",
    "of that on the CPU",
]


@pytest.fixture(autouse=True)
def _runtime_client() -> None:
    if not CLIENT.is_dir():
        not_here("Amazon's runtime client is not installed: run make setup, on Linux")


def test_prints_every_row_and_whether_the_bars_are_met() -> None:
    command = [sys.executable, "benchmarks/cold_start.py", "--rounds", "1", "--warm", "1"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("milliseconds")) + 1
    assert [line[:32].strip() for line in lines[first : first + len(ROWS)]] == ROWS
    assert [line.split(" is to take at most ")[0] for line in lines[-2:]] == ["The first response", "The warm request"]


@pytest.mark.parametrize(
    "handler, failure",
    [
        ("raise LookupError('not set up')", "/init/error: .*not set up"),
        ("def handler(event, context): raise LookupError('no such order')", "/error: .*no such order"),
        ("def handler(event, context): import os; os._exit(7)", "ended with exit code 7$"),
    ],
    ids=["at start", "when asked", "for good"],
)
def test_failing_function_is_reported(tmp_path: Path, handler: str, failure: str) -> None:
    (tmp_path / "function.py").write_text(handler)
    with RuntimeApi() as api:
        environment = {"PYTHONPATH": str(CLIENT), "AWS_LAMBDA_RUNTIME_API": api.address}
        command = [sys.executable, "-S", "-m", "awslambdaric", "function.handler"]
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=DEVNULL, stderr=DEVNULL) as function:
            with pytest.raises(FunctionFailed, match=failure):
                start_and_ask(api, function)
            function.kill()


def start_and_ask(api: RuntimeApi, function: "subprocess.Popen[bytes]") -> None:
    api.wait_until_ready(function)
    api.invoke(function, {})
