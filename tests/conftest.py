"""What all tests share: Hypothesis profiles, data from beside the checkout, Spectral, a word on what was not run."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

CHECKOUT = Path(__file__).parents[1]
OPENAPI_LINT = CHECKOUT / "tools" / "openapi-lint"
IN_CI = os.environ.get("CI") == "true"

# No deadline and no "too slow": how long a machine takes is no property of the code.
settings.register_profile("default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if IN_CI else "default")

# A developer's own settings must not decide what a test sees.
for name in [name for name in os.environ if name.startswith("ORDERKEEP_") and name != "ORDERKEEP_TEST_DATA"]:
    del os.environ[name]


def not_here(what: str) -> NoReturn:
    """Leave the test out, with its reason in the summary; in CI, where all must be there, fail it."""
    if IN_CI:
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def northwind_csv() -> Path:
    """The order lines of the Northwind sample database, which lie beside the checkout and not in it."""
    folder = Path(os.environ.get("ORDERKEEP_TEST_DATA", CHECKOUT.parent / "shared" / "data"))
    path = folder / "northwind_order_lines.csv"
    if not path.is_file():
        not_here(f"{path} is absent; name its folder with ORDERKEEP_TEST_DATA")
    return path


@pytest.fixture(scope="session")
def spectral() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Lint an OpenAPI document: the exit code is 0 where Spectral finds nothing, hints included."""
    script = OPENAPI_LINT / "node_modules" / ".bin" / "spectral"
    node = find_node()
    if node is None or not script.exists():
        pytest.fail("Spectral is not installed: run make setup", pytrace=False)

    def lint(document: Path) -> subprocess.CompletedProcess[str]:
        options = ["--ruleset", str(OPENAPI_LINT / ".spectral.yaml"), "--fail-severity", "hint"]
        return subprocess.run([node, script, "lint", document, *options], capture_output=True, text=True, check=False)

    return lint


def find_node() -> str | None:
    """Return the Node.js that set-up put beside Python because the machine's would not do, or the machine's."""
    return shutil.which("node", path=CHECKOUT / ".venv" / "bin") or shutil.which("node")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and why, so that no skip goes unseen."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if not reasons:
        return
    terminalreporter.section("not run", yellow=True)
    for reason, count in reasons.items():
        terminalreporter.line(f"{count} {'test' if count == 1 else 'tests'} left out: {reason}")
