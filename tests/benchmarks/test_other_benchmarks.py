"""The benchmarks of stores, imports, command starts and so on run to their end and report every line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert trips == {"place": 1, "get": 1, "list": 1, "cancel": 2}


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


def test_reports_the_cost_of_webhooks_and_whether_the_goals_are_met(tmp_path: Path) -> None:
    sizes = ["--seconds", "0.1", "--rate", "40", "--events", "20", "--folder", str(tmp_path)]
    _, _, _, *found, _, rate, cpu, lag = lines_of("webhooks.py", *sizes)
    assert [line.partition(":")[0].split(",")[0] for line in found] == [
        "place", "place", "ratio", "CPU of a delivery", f"lag at {found[-1].split()[2]} events/s",
    ]  # fmt: skip
    assert re.fullmatch("CPU of a delivery: [0-9.]+ ms, of 20 at [0-9,]+ a second", found[3])
    assert [line.rpartition(":")[0] for line in (rate, cpu, lag)] == [
        "place with a webhook at least 0.9 of without",
        "CPU of a delivery at most 3.0 ms",
        "lag at 40 events/s below 1.0 s",
    ]
    assert list(tmp_path.iterdir()) == []


def test_reports_the_cost_of_statistics(tmp_path: Path) -> None:
    sizes, *found = lines_of("statistics_of_orders.py", "--orders", "30", "--folder", str(tmp_path))
    assert sizes == "30 orders, 150 changes, 1 rounds"
    assert [line.partition(":")[0] for line in found] == [
        "count a change",
        "count / commit, CPU",
        "page of 200 orders",
        "statistics of a month by day",
        "statistics of a year by day",
        "statistics of a year by month",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", [[], ["--to", "postgresql"]])
def test_reports_the_cost_of_a_copy(tmp_path: Path, target: list[str]) -> None:
    command = [sys.executable, str(CHECKOUT / "benchmarks" / "copy_store.py"), "--orders", "300", *target]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    sizes, *found = done.stdout.splitlines()
    assert sizes == "300 orders, 900 changes", done.stderr
    assert [line.partition(":")[0] for line in found] == ["copy", "copy a change", "memory", "compare"]
    lowest, _, highest = [float(rate.replace(",", "")) for rate in found[0].rpartition(": ")[2].split(", ")]
    assert 0 < lowest <= highest
    peaks = [int(peak) for peak in re.findall("([0-9]+) MB", found[2])]
    assert len(peaks) == 4
    assert peaks == sorted(peaks)
    assert list(tmp_path.iterdir()) == []
