"""Shared by all tests: Hypothesis profiles, data from beside the checkout, Spectral, and a summary of what was not run.

A light install (`make unit`) runs with this file alone; the fixtures of stores with a server are a plugin.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers.fixtures"] if find_spec("psutil") else []  # a light install has no servers

CHECKOUT = Path(__file__).parents[1]
TESTS_OF_THE_CORE = [CHECKOUT / "tests", CHECKOUT / "tests" / "domain", CHECKOUT / "tests" / "application"]
OPENAPI_LINT = CHECKOUT / "tools" / "openapi-lint"
IN_CI = os.environ.get("CI") == "true"

# No deadline and no "too slow": how long a machine takes is no property of the code.
settings.register_profile("default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if IN_CI else "default")

# A developer's own settings must not decide what a test sees.
for name in [name for name in os.environ if name.startswith("ORDERKEEP_") and not name.startswith("ORDERKEEP_TEST_")]:
    del os.environ[name]

STORES = ("memory", "sqlite", "postgres", "dynamodb", "s3")
ASKED = tuple(filter(None, os.environ.get("ORDERKEEP_TEST_STORES", ",".join(STORES)).replace(" ", "").split(",")))
"""The stores that are tested, those of orders and that of documents, s3. One that is asked for and cannot be had fails
the run.
"""

TOLD = "told"
"""A property of a test that passed, which is printed at the end: how much was tried."""

OF_A_STORE = re.compile(r"(?:[/:]test_|[\[-])(memory|sqlite|postgres|dynamo|s3)(?=(?:ql|db)?[]_.-])")
"""How a test's id names the store that it is about: by its file, test_sqlite_lists.py, its name, or a parameter."""


def not_here(what: str) -> NoReturn:
    """Leave the test out, with its reason in the summary; in CI, where all must be there, fail it."""
    if IN_CI:
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def store_of(node_id: str) -> str | None:
    """Return the store that a test is about, if it is about one."""
    found = OF_A_STORE.search(node_id)
    return found and next(store for store in STORES if store.startswith(found[1]))


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a store that there is not."""
    if unknown := set(ASKED) - set(STORES):
        raise pytest.UsageError(f"ORDERKEEP_TEST_STORES names {', '.join(unknown)}; there are {', '.join(STORES)}")


@pytest.hookimpl(optionalhook=True)  # a light install has no xdist
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers: more than processors, because tests wait for servers, time-outs and the disk."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests of stores that are not asked for."""
    for item in items:
        if (store := store_of(item.nodeid)) and store not in ASKED:
            item.add_marker(pytest.mark.skip(reason=left_out(store)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure coverage while tests of domain and application run, and no others: it doubles the CPU that a test takes,
    and no rule of the core is to be tested through an entrypoint.
    """
    measured = getattr(item.config.pluginmanager.get_plugin("_cov"), "cov_controller", None)
    if measured is None or item.path.parent in TESTS_OF_THE_CORE:
        return (yield)
    measured.pause()  # not the marker no_cover, which leaves fixtures in
    try:
        return (yield)
    finally:
        measured.resume()


def left_out(store: str) -> str:
    """Return why tests of the store are not run."""
    return f"ORDERKEEP_TEST_STORES leaves {store} out"


def shared_folder(config: pytest.Config, factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all processes of this test run share."""
    base = factory.getbasetemp()
    return base.parent if hasattr(config, "workerinput") else base


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
    """Say how much was seen of each store; and what was not run and why, so that no skip goes unseen."""
    passed = Counter(store_of(report.nodeid) for report in terminalreporter.getreports("passed"))
    if counts := [f"{store} {passed[store]} passed" for store in STORES if passed[store]]:
        terminalreporter.line(f"stores: {', '.join(counts)}")
    for report in terminalreporter.getreports("passed"):
        for name, said in report.user_properties:
            if name == TOLD:
                terminalreporter.line(said)
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if not reasons:
        return
    terminalreporter.section("not run", yellow=True)
    for reason, count in reasons.items():
        terminalreporter.line(f"{count} {'test' if count == 1 else 'tests'} left out: {reason}")
