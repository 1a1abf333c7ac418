"""The authentication benchmark runs to its end, and says of each way in whether it reaches the bar."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "authentication.py"
KINDS = ["API key", "API key, limits", "JWT", "JWT, all new"]


def test_measures_each_way_in_against_none_and_says_whether_the_bar_is_met(tmp_path: Path) -> None:
    options = ["--rounds", "1", "--seconds", "0.02", "--only", "place", "--folder", str(tmp_path)]
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = [line.partition("at once  ") for line in done.stdout.splitlines() if "at once  " in line]
    cells = [f"place {at_once:>3} " for at_once in (1, 32)]
    assert [cell for cell, _, _ in measured] == [cell for cell in cells for _ in range(1 + len(KINDS))]
    assert [line[:16].strip() for _, _, line in measured] == ["off", *KINDS] * len(cells)
    verdicts = [line.partition(":") for line in done.stdout.splitlines() if "at least 0.8" in line]
    assert [kind for kind, _, _ in verdicts] == KINDS
    assert all(", met; " in verdict or ", MISSED; " in verdict for _, _, verdict in verdicts)
    assert list(tmp_path.iterdir()) == []
