"""`orderkeep move`, as processes; and services that switch."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.entrypoints.cli_calls import environment, run

FROM, TO = ("--from", "sqlite:///orders.db"), ("--to", "sqlite:///new.db")
BACK = ("--from", TO[1], "--to", FROM[1])
PLACE = ("place", "--user", "u", "--total", "1.00", "--currency", "EUR")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a store of sample orders."""
    assert run("demo", cwd=tmp_path).returncode == 0
    assert run("--store", TO[1], "migrate", cwd=tmp_path).returncode == 0
    return tmp_path


def facts(output: bytes) -> dict[str, str]:
    return dict(line.split("\t") for line in output.decode().splitlines())


def is_fenced(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger'").fetchall())


def test_moves_there_and_back(shop: Path) -> None:
    moved = run("move", *FROM, *TO, cwd=shop)
    assert (moved.returncode, moved.stderr) == (0, b"")
    found = facts(moved.stdout)
    assert (found["state"], found["orders"], found["differences"]) == ("moved", "50", "0")
    assert float(found["pause seconds"]) >= 2
    rejected = run(*PLACE, cwd=shop)
    assert rejected.returncode == 7
    assert b"moved, to another store, and nothing was changed" in rejected.stderr
    assert len(json.loads(run("list", "--json", "--limit", "200", cwd=shop).stdout)["data"]) == 50
    both = environment(ORDERKEEP_STORE=FROM[1], ORDERKEEP_MOVED_TO=TO[1])
    placed = run(*PLACE, "--json", cwd=shop, env=both)
    assert placed.returncode == 0
    order_id = json.loads(placed.stdout)["id"]
    assert run("get", order_id, cwd=shop).returncode == 3
    assert run("--store", TO[1], "get", order_id, cwd=shop).returncode == 0
    again = run("move", *FROM, *TO, cwd=shop)
    assert (again.returncode, facts(again.stdout)) == (0, {"state": "moved before", "differences": "0"})
    back = run("move", *BACK, "--json", cwd=shop)
    assert (json.loads(back.stdout)["state"], json.loads(back.stdout)["orders"]) == ("moved", 51)
    assert run(*PLACE, cwd=shop, env=both).returncode == 0
    assert len(json.loads(run("list", "--json", "--limit", "200", cwd=shop).stdout)["data"]) == 52
    finished = run("move", "--finish", *BACK, cwd=shop)
    assert (finished.returncode, finished.stdout) == (0, b"state\tfinished: this store stays closed\n")
    rejected = run("move", *FROM, *TO, cwd=shop)
    assert (rejected.returncode, b"moved for good" in rejected.stderr) == (4, True)
    for url in (FROM[1], TO[1]):
        assert run("--store", url, "verify", cwd=shop).returncode == 0
    rejected = run("move", "--reopen", *BACK, cwd=shop)
    assert (rejected.returncode, b"is not lost" in rejected.stderr) == (4, True)
    (shop / "orders.db").unlink()
    reopened = run("move", "--reopen", *BACK, cwd=shop)
    assert (reopened.returncode, reopened.stdout) == (0, b"state\treopened: this store accepts writes\n")
    assert run("--store", TO[1], *PLACE, cwd=shop).returncode == 0
    assert not (shop / "orders.db").exists()


@pytest.mark.parametrize(
    "arguments, exit_code, message",
    [
        (("move", *FROM, "--to", FROM[1]), 2, b"the source and the target are the same store"),
        (("move", "--from", "sqlite:///no.db", *TO), 7, b"no.db does not exist"),
        (("move", *FROM, *TO), 7, b"new.db does not exist"),
        (("move", "--reopen", *FROM, "--to", FROM[1]), 2, b"the source and the target are the same store"),
        (("move", "--cancel", *FROM, *TO), 7, b"new.db does not exist"),
        (("move", "--finish", *FROM, *TO), 7, b"new.db does not exist"),
    ],
)
def test_what_cannot_be_moved_is_rejected(
    tmp_path: Path, arguments: Sequence[str], exit_code: int, message: bytes
) -> None:
    assert run("migrate", cwd=tmp_path).returncode == 0
    found = run(*arguments, cwd=tmp_path)
    assert found.returncode == exit_code
    assert message in found.stderr
    assert {each.name for each in tmp_path.iterdir()} <= {"orders.db", "orders.db-wal", "orders.db-shm"}


def test_a_move_that_is_interrupted_opens_the_source_again_and_one_that_is_killed_can_be_cancelled(shop: Path) -> None:
    for ends in (signal.SIGINT, signal.SIGKILL):
        command = [sys.executable, "-m", "orderkeep", "move", *FROM, *TO]
        with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while not is_fenced(shop / "orders.db"):
                pass
            process.send_signal(ends)
        assert process.returncode
        if ends == signal.SIGKILL:
            assert run(*PLACE, cwd=shop).returncode == 7
            assert run("move", "--cancel", *FROM, *TO, cwd=shop).returncode == 0
        assert run(*PLACE, cwd=shop).returncode == 0
        assert run("--store", TO[1], *PLACE, cwd=shop).returncode == 7
    moved = run("move", *FROM, *TO, cwd=shop)
    assert (moved.returncode, facts(moved.stdout)["differences"]) == (0, "0")
