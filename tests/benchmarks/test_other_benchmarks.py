"""The benchmarks of stores, imports and command starts run to their end and report every line."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def lines_of(script: str, *options: str) -> list[str]:
    """Run a benchmark and return what it prints."""
    command = [sys.executable, str(CHECKOUT / "benchmarks" / script), *options, "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_reports_operations_and_round_trips_on_postgresql() -> None:
    lines = lines_of("stores.py", "--store", "postgresql", "--seconds", "0.02")[-8:]
    operations = ["place", "get", "list", "cancel"]
    assert [line.split()[1:3] for line in lines] == [[each, at_once] for at_once in ("1", "32") for each in operations]
    trips = {line.split()[1]: float(line.split()[-1]) for line in lines}
    assert 1 <= trips["get"] < 1.1
    assert trips["cancel"] >= 2 * trips["get"] - 0.1


def test_reports_imports_beside_another_checkout(tmp_path: Path) -> None:
    options = ["--orders", "20", "--folder", str(tmp_path), "--against", str(CHECKOUT)]
    lines = lines_of("import_orders.py", *options)[-9:]
    assert [line[:32].split()[-1] for line in lines] == ["orderkeep", "against", "ratio"] * 3
    assert list(tmp_path.iterdir()) == []


def test_reports_starts_of_commands() -> None:
    found = [line.split()[:3] for line in lines_of("cli_start.py")[-4:]]
    assert found == [[command, figure, "orderkeep"] for command in ("--help", "list") for figure in ("elapsed", "CPU")]


def test_reports_starts_of_the_server_until_the_first_page() -> None:
    *lines, goal = lines_of("first_page.py")[-7:]
    found = [(line.split()[0], line[12:32].strip().split("  ")[0]) for line in lines]
    whos = ("orderkeep", "import", "ratio to import")
    assert found == [(figure, who) for figure in ("elapsed", "CPU") for who in whos]
    assert goal.startswith("goal: at most 0.9 s without other load, judged by the fastest start: ")


def test_reports_each_page_of_the_console() -> None:
    header, reference, *pages, goal = lines_of("console_pages.py", "--requests", "2")
    assert header.startswith("page")
    assert reference.split()[-3:] == ["1.0,", "1.0,", "1.0"]
    names = ["orders, 50 rows", "order", "new order", "API keys", "system", "statistics, 30 days"]
    assert [line[:28].strip() for line in pages] == names
    assert goal.startswith("goal: at most 5 ms for each page: ")
