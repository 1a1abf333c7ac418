"""`orderkeep torture`: where it writes, what it prints, and how it ends."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orderkeep.application.ports import OrderStore
from orderkeep.domain.entities import Order
from orderkeep.domain.exceptions import StoreUnavailable
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.cli.session import Session
from orderkeep.infrastructure.memory_repo import InMemoryOrderRepository
from orderkeep.testing.orders import OWN, small_order
from orderkeep.testing.stores import order_in, read_all
from tests.contract.broken_saves import BlindWrites
from tests.entrypoints.cli_calls import run

CHECKS = ["saves", "races", "retries", "histories", "pages", "feed"]


class AnswersTheFirstCalls(InMemoryOrderRepository):
    """As a server does that goes down on the way."""

    CALLS = 50

    async def get_by_id(self, order_id: str) -> Order | None:
        self.CALLS -= 1
        if self.CALLS < 0:
            raise StoreUnavailable("the server does not answer")
        return await super().get_by_id(order_id)


class StaysOpen(InMemoryOrderRepository):
    async def close(self) -> None:
        return None


def torture(store: OrderStore, *args: str) -> Result:
    session = Session(open_store=lambda url: store)
    return CliRunner().invoke(cli, ["--store", "mine://", "torture", "--rounds", "2", *args], obj=session)


def test_prints_a_line_for_each_check() -> None:
    result = torture(InMemoryOrderRepository())
    assert result.exit_code == 0, result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == CHECKS
    assert all(row[1] == "2" and int(row[2]) > 50 and row[4:] == ["0", "0", ""] for row in rows)
    assert sum(int(row[3]) for row in rows) > 0, "saves that were refused as concurrent"
    assert "torture-" in result.stderr


def test_json_report_has_every_check() -> None:
    report = json.loads(torture(InMemoryOrderRepository(), "--json").stdout)
    assert (report["violations"], report["undecided"]) == (0, 0)
    assert [check["check"] for check in report["checks"]] == CHECKS


def test_violation_is_reported_and_exits_with_9() -> None:
    result = torture(BlindWrites())
    assert result.exit_code == 9
    assert "saves\t2\t" in result.stdout
    assert "orderkeep: saves, round 1: of 20 saves at once 20 were taken" in result.stderr
    report = json.loads(torture(BlindWrites(), "--json").stdout)
    assert report["violations"] >= 4
    assert report["checks"][0]["first"]["round"] == 1


def test_unavailable_store_is_inconclusive_and_exits_with_7() -> None:
    result = torture(AnswersTheFirstCalls())
    assert result.exit_code == 7
    assert "the store was unavailable in" in result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert {row[0]: row[4:] for row in rows}["saves"] == ["1", "0", ""]


@pytest.mark.parametrize("user, exit_code", [("user-42", 4), ("Torture-7", 4), (f"{OWN}7", 0)])
def test_store_with_other_orders_is_rejected(user: str, exit_code: int) -> None:
    store = StaysOpen([small_order("order-1", user_id=user)])
    before = len(store._feed)
    result = torture(store)
    assert result.exit_code == exit_code
    assert (len(store._feed) == before) == (exit_code == 4)
    assert ("the store contains other orders" in result.stderr) == (exit_code == 4)


def test_other_orders_are_unchanged() -> None:
    store = StaysOpen([small_order("order-1")])
    before = asyncio.run(read_all(store))
    assert torture(store, "--yes-write-here").exit_code == 0
    kept = asyncio.run(read_all(store))
    others = [document for document in kept.documents if not order_in(document).user_id.startswith(OWN)]
    assert (others, kept.changes[:1]) == (list(before.documents), before.changes)
    assert len(kept.documents) > 50


def test_interrupted_run_prints_its_results(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orderkeep", "torture", "--store", "sqlite:///orders.db", "--json", "--rounds"]
    process = subprocess.Popen([*command, "100000"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (tmp_path / "orders.db").exists() or _rounds_begun(tmp_path / "orders.db") < 3:
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
    result = run("torture", "--rounds", "1", cwd=tmp_path)
    assert (result.returncode, list(tmp_path.iterdir())) == (2, [])
    assert b"--store" in result.stderr


def test_needs_no_pytest(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['pytest'] = None; from orderkeep.entrypoints.cli.main import cli\n"
        "cli.main(['torture', '--store', 'sqlite:///orders.db', '--seconds', '0.1'], prog_name='orderkeep')"
    )
    answer = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert run("verify", cwd=tmp_path).returncode == 0
