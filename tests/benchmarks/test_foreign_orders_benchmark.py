"""The benchmark of foreign orders runs to its end, with a line for all that is asked for of each kind."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "foreign_orders.py"
KINDS = ["unknown", "unknown again", "2 lines", "400 lines"]


def test_asks_for_foreign_orders_and_for_none_in_every_way(tmp_path: Path) -> None:
    options = ["--rounds", "1", "--times", "1", "--folder", str(tmp_path)]
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [(line[:12].strip(), line[12:28].strip()) for line in done.stdout.splitlines()[2:]]
    assert lines == [(asked, kind) for asked in ("get", "cancel", "history", "documents") for kind in KINDS]
    assert list(tmp_path.iterdir()) == []
