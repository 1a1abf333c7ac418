"""`orderkeep copy` and `orderkeep compare`, as processes."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.entrypoints.cli_calls import environment, run

FROM, TO = ("--from", "sqlite:///orders.db"), ("--to", "sqlite:///copy.db")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a store of sample orders, one of which has a receipt."""
    assert run("demo", cwd=tmp_path).returncode == 0
    [order, *_] = json.loads(run("list", "--json", cwd=tmp_path).stdout)["data"]
    assert run("receipt", order["id"], "--output", "receipt.html", cwd=tmp_path).returncode == 0
    assert run("--store", TO[1], "migrate", cwd=tmp_path).returncode == 0
    return tmp_path


def facts(output: bytes) -> dict[str, int]:
    return {name: int(value) for name, value in (line.split("\t") for line in output.decode().splitlines())}


def test_copies_and_compares(shop: Path) -> None:
    copied = run("copy", *FROM, *TO, "--documents", "folder:///documents", "folder:///moved", cwd=shop)
    assert (copied.returncode, copied.stderr) == (0, b"")
    found = facts(copied.stdout)
    assert (found["orders"], found["documents"], found["differences"]) == (50, 1, 0)
    assert found["position"] == found["changes"] > 200
    assert [file.name for file in (shop / "moved").rglob("*.html")] == [
        file.name for file in (shop / "documents").rglob("*.html")
    ]
    again = run("copy", *TO, cwd=shop, env=environment(ORDERKEEP_STORE="sqlite:///orders.db"))
    assert facts(again.stdout) == found | {"changes": 0, "documents": 0}
    compared = run("compare", *FROM, *TO, "--json", "--every", "10", cwd=shop)
    assert json.loads(compared.stdout) | {"orders": 50, "differences": []} == json.loads(compared.stdout)
    assert run("--store", TO[1], "verify", cwd=shop).returncode == 0


def test_differences_are_listed(shop: Path) -> None:
    assert run("copy", *FROM, *TO, cwd=shop).returncode == 0
    with sqlite3.connect(shop / "copy.db") as connection:
        connection.execute("UPDATE orders SET requests = '{}' WHERE id = (SELECT min(id) FROM orders)")
    for command in ("compare", "copy"):
        found = run(command, *FROM, *TO, cwd=shop)
        assert found.returncode == 5
        assert b"the idempotency keys differ" in found.stdout
    found = run("compare", *FROM, *TO, "--json", cwd=shop)
    assert [each["message"] for each in json.loads(found.stdout)["differences"]] == ["the idempotency keys differ"]


@pytest.mark.parametrize(
    "arguments, exit_code, message",
    [
        (("copy", *FROM, "--to", FROM[1]), 2, b"the source and the target are the same store"),
        (("copy", *FROM, "--to", "memory://"), 2, b"a store in memory cannot be copied"),
        (("copy", "--from", "sqlite:///no.db", *TO), 7, b"no.db does not exist"),
        (("copy", *FROM, *TO), 7, b"copy.db does not exist"),
        (("compare", *FROM, *TO), 7, b"copy.db does not exist"),
        (("copy", *FROM), 2, b"Missing option '--to'"),
        (("--remote", "http://localhost:1", "copy", *TO), 2, b"cannot be run on a server"),
    ],
)
def test_what_cannot_be_copied_is_rejected(
    tmp_path: Path, arguments: Sequence[str], exit_code: int, message: bytes
) -> None:
    assert run("migrate", cwd=tmp_path).returncode == 0
    found = run(*arguments, cwd=tmp_path)
    assert found.returncode == exit_code
    assert message in found.stderr
    assert not (tmp_path / "copy.db").exists()


def test_a_store_with_other_orders_is_no_target(shop: Path) -> None:
    place = ("--store", TO[1], "place", "--user", "u", "--total", "1", "--currency", "EUR")
    assert run(*place, cwd=shop).returncode == 0
    found = run("copy", *FROM, *TO, cwd=shop)
    assert found.returncode == 4
    assert b"the target has changes that are not of the source; nothing was changed; use an empty store" in found.stderr
    assert len(json.loads(run("--store", TO[1], "list", "--json", cwd=shop).stdout)["data"]) == 1


def changes_in(file: Path) -> int:
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM changes").fetchone()[0])
    except sqlite3.OperationalError:  # it does not exist yet, or has no tables
        return 0


def test_a_copy_that_is_killed_continues(tmp_path: Path) -> None:
    assert run("demo", "--orders", "400", cwd=tmp_path).returncode == 0
    assert run("--store", TO[1], "migrate", cwd=tmp_path).returncode == 0
    left = []
    for threshold in (1, 401, 801):
        with subprocess.Popen([sys.executable, "-m", "orderkeep", "copy", *FROM, *TO], cwd=tmp_path) as process:
            while process.poll() is None and changes_in(tmp_path / "copy.db") < threshold:
                pass
            process.send_signal(signal.SIGKILL)
        left.append(changes_in(tmp_path / "orders.db") - changes_in(tmp_path / "copy.db"))
    assert left[0] > 0
    copied = run("copy", *FROM, *TO, cwd=tmp_path)
    assert copied.returncode == 0, copied.stderr
    assert (facts(copied.stdout)["changes"], facts(copied.stdout)["differences"]) == (left[-1], 0)
    assert run("--store", TO[1], "verify", cwd=tmp_path).returncode == 0
