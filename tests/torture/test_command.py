"""`python -m tests.torture`: the store that it opens, what it prints, and its exit codes."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orderkeep.application.ports import OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import OWN, small_order
from orderkeep.testing.stores import order_in, read_all
from tests.contract.broken_saves import BlindWrites
from tests.torture import __main__ as command

CHECKOUT = Path(__file__).parents[2]
CHECKS = ["saves", "races", "retries", "facts", "histories", "pages", "feed"]


Torture = Callable[..., Result]


class AnswersTheFirstCalls(InMemoryOrderRepository):
    """A server that goes down after a while."""

    CALLS = 50

    async def get_by_id(self, order_id: str) -> Order | None:
        self.CALLS -= 1
        if self.CALLS < 0:
            raise StoreUnavailable("the server does not respond")
        return await super().get_by_id(order_id)


class StaysOpen(InMemoryOrderRepository):
    async def close(self) -> None:
        return None


@pytest.fixture
def torture(monkeypatch: pytest.MonkeyPatch) -> Torture:
    """Runs the command on a store, in this process."""

    def run(store: OrderStore, *args: str) -> Result:
        monkeypatch.setattr(command, "open_store", lambda url: store)
        return CliRunner().invoke(command.main, ["--store", "mine://", "--rounds", "2", *args])

    return run


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    program = [sys.executable, "-m", "tests.torture", *args]
    environment = os.environ | {"PYTHONPATH": f"{CHECKOUT}{os.pathsep}{folder}"}
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_prints_a_line_for_each_check(torture: Torture) -> None:
    result = torture(InMemoryOrderRepository())
    assert result.exit_code == 0, result.stderr
    head, *rows = [line.split() for line in result.stdout.splitlines()]
    assert head == ["check", "rounds", "operations", "conflicts", "undecided", "violations", "first", "in", "round"]
    assert [row[0] for row in rows] == CHECKS
    assert all(row[1] == "2" and int(row[2]) > 50 and row[4:] == ["0", "0"] for row in rows)
    assert sum(int(row[3]) for row in rows) > 0, "saves that were refused as concurrent"
    assert "torture-" in result.stderr


def test_json_report_has_every_check(torture: Torture) -> None:
    report = json.loads(torture(InMemoryOrderRepository(), "--json").stdout)
    assert (report["violations"], report["undecided"]) == (0, 0)
    assert [check["check"] for check in report["checks"]] == CHECKS


def test_violation_is_reported_and_exits_with_1(torture: Torture) -> None:
    result = torture(BlindWrites())
    assert result.exit_code == 1
    assert "\nsaves      2 " in result.stdout
    assert "saves, round 1: 20 of 20 concurrent calls won, not 1" in result.stderr
    report = json.loads(torture(BlindWrites(), "--json").stdout)
    assert report["violations"] >= 4
    assert report["checks"][0]["first"]["round"] == 1


def test_unavailable_store_is_inconclusive_and_exits_with_7(torture: Torture) -> None:
    result = torture(AnswersTheFirstCalls())
    assert result.exit_code == 7
    assert "the store was unavailable in" in result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert {row[0]: row[4:] for row in rows}["saves"] == ["1", "0"]


@pytest.mark.parametrize("user, exit_code", [("user-42", 4), ("Torture-7", 4), (f"{OWN}7", 0)])
def test_store_with_other_orders_is_rejected(torture: Torture, user: str, exit_code: int) -> None:
    store = StaysOpen([small_order("order-1", user_id=user)])
    before = len(store._feed)
    result = torture(store)
    assert result.exit_code == exit_code
    assert (len(store._feed) == before) == (exit_code == 4)
    assert ("the store contains other orders" in result.stderr) == (exit_code == 4)


def test_other_orders_are_unchanged(torture: Torture) -> None:
    store = StaysOpen([small_order("order-1")])
    before = asyncio.run(read_all(store))
    assert torture(store, "--yes-write-here").exit_code == 0
    documents, changes = asyncio.run(read_all(store))
    others = [document for document in documents if not order_in(document).user_id.startswith(OWN)]
    assert (others, changes[:1]) == before
    assert len(documents) > 50


def test_interrupted_run_prints_its_results(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    options = ["--store", f"sqlite:///{path}", "--json", "--rounds", "100000"]
    program = [sys.executable, "-m", "tests.torture", *options]
    process = subprocess.Popen(program, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not path.exists() or _rounds_begun(path) < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    report = json.loads(printed)
    assert (process.returncode, report["violations"]) == (130, 0)
    assert report["checks"][0]["rounds"] >= 2
    assert b"interrupted" in said


def _rounds_begun(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            counted = connection.execute("SELECT count(*) FROM orders WHERE external_ref LIKE 'torture-rival-%'")
            return int(counted.fetchone()[0])
        except sqlite3.OperationalError:  # the tables are being made
            return 0


def test_store_option_is_required(tmp_path: Path) -> None:
    result = run(tmp_path, "--rounds", "1")
    assert (result.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "--store" in result.stderr


def test_store_of_ones_own_is_named_by_its_function(tmp_path: Path) -> None:
    (tmp_path / "my_stores.py").write_text(
        "from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository\n\n\n"
        "def make_store():\n    return InMemoryOrderRepository()\n",
        encoding="utf-8",
    )
    result = run(tmp_path, "--store", "my_stores:make_store", "--seconds", "0.1")
    assert (result.returncode, "feed " in result.stdout) == (0, True), result.stderr


@pytest.mark.parametrize("name", ["nothing", "nothing:at_all", "json:nothing", ":", "json:"])
def test_unknown_store_function_is_rejected(name: str) -> None:
    result = CliRunner().invoke(command.main, ["--store", name])
    assert (result.exit_code, f"{name} is neither a URL nor module:function" in result.stderr) == (2, True)
