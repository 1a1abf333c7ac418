"""Runs the fuzzer for a time: `python -m tests.fuzz.run --seconds 60`, all targets or one, and prints what was run."""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.one_target import NAMES, load

CHECKOUT = Path(__file__).parents[2]
KEPT = CHECKOUT / ".fuzz"
"""What was found by running: inputs that reach further, and those that broke something."""

HAS_WHEEL = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 15)
TO_START = 120
"""Seconds that a target may take beyond its time, to start and to end."""


@dataclass(frozen=True)
class Run:
    """How it went: the number of inputs that were tried, and all that was printed."""

    name: str
    inputs: int
    reached: int
    output: str
    ok: bool

    def __str__(self) -> str:
        return f"{self.name:20}{self.inputs:>10,} inputs {self.reached:>6,} branches and comparisons reached"


def run(name: str, seconds: float, kept: Path = KEPT, *, path: str = "", options: Sequence[str] = ()) -> Run:
    """Look for inputs that break the target. `path` is searched for orderkeep before the checkout is."""
    target = load(name)
    corpus, broken = kept / name, kept / "broken"
    for folder in (corpus, broken):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        seeds, tokens = Path(home, "seeds"), Path(home, "tokens")
        seeds.mkdir()
        for number, seed in enumerate(target.SEEDS):
            (seeds / str(number)).write_bytes(seed)
        tokens.write_text("".join(f'"{_escaped(token)}"\n' for token in target.TOKENS))
        ours = [f"-max_total_time={max(1, round(seconds))}", f"-dict={tokens}", f"-artifact_prefix={broken}/{name}-"]
        command = [sys.executable, "-m", "tests.fuzz.one_target", name, *ours, *options, str(corpus), str(seeds)]
        found = subprocess.run(
            command, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": path}, timeout=seconds + TO_START,
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
    tried = re.findall(r"number_of_executed_units: (\d+)", found.stdout) or re.findall(r"^#(\d+)", found.stdout, re.M)
    reached = re.findall(r"\bft: (\d+)", found.stdout)
    inputs = int(tried[-1]) if tried else 0
    ok = found.returncode == 0 and inputs > len(target.SEEDS)
    return Run(name, inputs, int(reached[-1]) if reached else 0, found.stdout, ok)


def _escaped(token: bytes) -> str:
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{byte:02x}" for byte in token)


def main() -> int:
    """Read the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--target", choices=NAMES, help="this one alone")
    asked = parser.parse_args()
    if find_spec("atheris") is None:
        said = "make setup installs it" if HAS_WHEEL else f"there is no wheel of it for {sys.version.split()[0]} on"
        print(f"NOT FUZZED: atheris is not here, and {said} {platform.system()} {platform.machine()}")
        return int(HAS_WHEEL)
    names = [asked.target] if asked.target else NAMES
    with ThreadPoolExecutor(min(len(names), os.cpu_count() or 1)) as pool:
        runs = list(pool.map(lambda name: run(name, asked.seconds / len(names)), names))
    for done in runs:
        print(done if done.ok else f"{done.output}\n{done.name} FAILED: the input is in {KEPT / 'broken'}, and this "
              f"shows again what it does:\n  .venv/bin/python -m tests.fuzz.one_target {done.name} FILE")  # fmt: skip
    print(f"{len(runs)} targets, {sum(done.inputs for done in runs):,} inputs, {asked.seconds:g} s")
    return int(not all(done.ok for done in runs))


if __name__ == "__main__":
    sys.exit(main())
