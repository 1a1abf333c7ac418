"""`orderkeep import`: counts and errors, repeated imports, and an import that was killed."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from orderkeep.entrypoints.cli.commands import order_files
from tests.entrypoints.cli_calls import Cli, run

GOOD = {"user_id": "anna", "total": 9900, "currency": "EUR", "status": "pending", "created_at": "2026-03-02T00:00:00Z"}


def _order(number: int, **fields: Any) -> str:
    return json.dumps({**GOOD, "external_ref": f"web-{number}", "total": number, **fields})


def _file(folder: Path, *lines: str, name: str = "orders.jsonl") -> str:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def cli() -> Cli:
    return Cli()


def test_import_prints_counts(cli: Cli, tmp_path: Path) -> None:
    file = _file(tmp_path, _order(1), _order(2, currency="JPY"), _order(30, status="shipped"))
    assert cli("import", file).stdout.splitlines() == [
        "orders\t3",
        "lines\t0",
        "pending\t2",
        "shipped\t1",
        "total EUR\t0.31",
        "total JPY\t2",
        "imported\t3",
        "updated\t0",
        "unchanged\t0",
        "present\t0",
        "problems\t0",
    ]


def test_import_reports_errors_by_line_and_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    file = _file(tmp_path, _order(1), "{", _order(3, total=-1), _order(1))
    result = cli("import", file, code=5)
    assert result.stderr.splitlines() == [
        f"{file}:2: ends too early at column 2",
        f"{file}:3: total must be from 0 to 999999999999999 minor units",
        f"{file}:4: external_ref identifies an earlier order of the file too",
        "orderkeep: nothing was imported: fix these lines and run the import again, or use --skip-invalid",
    ]
    assert cli("list").stdout == ""
    report = cli.json("import", file, code=5)
    assert [problem["line"] for problem in report["problems"]] == [2, 3, 4]


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_import_reports_an_order_with_different_content(cli: Cli, tmp_path: Path, dry_run: tuple[str, ...]) -> None:
    cli("import", _file(tmp_path, _order(1)))
    result = cli("import", _file(tmp_path, _order(1, user_id="bea"), _order(2)), *dry_run, code=5)
    assert re.search(
        r":1: external_ref is that of the stored order \S+, which differs in user_id: it was", result.stderr
    )
    assert "nothing was imported: fix these lines" in result.stderr
    assert [order["external_ref"] for order in cli.json("list")["data"]] == ["web-1"]


def test_import_follows_the_status_with_update(cli: Cli, tmp_path: Path) -> None:
    cli("import", _file(tmp_path, _order(1)))
    file = _file(tmp_path, _order(1, status="shipped"))
    result = cli("import", file, code=5)
    assert result.stderr.splitlines() == [
        f"{file}:1: status is shipped, but the order is stored as pending",
        "orderkeep: use --update to follow the status of orders that are stored already",
        "orderkeep: nothing was imported: fix these lines and run the import again, or use --skip-invalid",
    ]
    dry = cli("import", file, "--update", "--dry-run")
    assert dry.stderr == "orderkeep: dry run: nothing was changed\n"
    assert cli("import", file, "--update").stdout == dry.stdout
    assert [order["status"] for order in cli.json("list")["data"]] == ["shipped"]


def test_import_writes_the_orders_that_it_skips_to_a_file(cli: Cli, tmp_path: Path) -> None:
    columns = "external_ref,user_id,total,currency,status,created_at,line_sku,line_name,line_quantity,line_unit_price"
    good, bad, lines = (f"{ref},anna,20,EUR,{status},2026-03-02T00:00:00Z" for ref, status in (
        ("W-1", "pending"), ("W-2", "lost"), ("W-3", "pending"),
    ))  # fmt: skip
    rows = [
        f"{good},A1,Lamp,2,10",
        "W-9,damaged",
        f'{bad},A1,"a ""big""\nlamp",2,10',
        f"{lines},B,Mug,1,5",
        f"{lines},C,Cup,3,5",
    ]
    file = _file(tmp_path, columns, *rows, name="orders.csv")
    result = cli("import", file, "--skip-invalid", "--dry-run", code=5)
    assert "dry run: nothing was changed" in result.stderr
    assert not Path(file).with_suffix(".rejected.csv").exists()
    rejected = Path(file).with_suffix(".rejected.csv")
    result = cli("import", file, "--skip-invalid", code=5)
    assert f"orderkeep: the orders with errors were not imported: fix and import {rejected}\n" in result.stderr
    assert "imported\t1\n" in result.stdout
    assert Path(file).with_suffix(".rejected.csv").read_text().splitlines() == [
        columns, rows[0], rows[1], *rows[2].splitlines(),
    ]  # fmt: skip
    fixed = (
        Path(file)
        .with_suffix(".rejected.csv")
        .read_text()
        .replace("lost", "shipped")
        .replace("W-9,damaged\n", "")
        .replace("\nlamp", "")
    )
    rejected.write_text(fixed)
    assert cli.json("import", str(rejected))["imported"] == 2


@pytest.mark.parametrize("option", [("--decimal", "comma"), ("--currency", "EUR")])
def test_import_rejects_options_that_its_own_csv_does_not_need(
    cli: Cli, tmp_path: Path, option: tuple[str, str]
) -> None:
    error = cli("import", _file(tmp_path, "user_id", name="orders.csv"), *option, code=2).stderr
    assert f"{option[0]} is for files of other programs, with --from" in error
    assert "9500 for 95.00 EUR" in error


def test_import_names_the_converter_of_a_known_shop(cli: Cli) -> None:
    error = cli("import", "docs/examples/shopify.csv", code=2).stderr
    assert error.count("\n") == 1
    assert error.endswith("; add --from shopify\n")


def test_import_explains_amounts_with_the_names_of_columns(cli: Cli, tmp_path: Path) -> None:
    columns = "external_ref,user_id,total,currency,status,created_at,line_sku,line_name,line_quantity,line_unit_price"
    row = "W-1,anna,20.00,EUR,pending,2026-03-02T00:00:00Z,A1,Lamp,2,10.00"
    error = cli("import", _file(tmp_path, columns, row, name="orders.csv"), code=5).stderr
    for column in ("total", "line_unit_price"):
        assert f":2: {column} must be a whole number of minor units, without decimal places: 9900 for 99.00\n" in error


def test_import_writes_no_file_of_rejects_if_rows_of_an_order_are_apart(cli: Cli, tmp_path: Path) -> None:
    columns = "external_ref,user_id,total,currency,status,created_at"
    rows = [f"{ref},anna,20,EUR,pending,2026-03-02T00:00:00Z" for ref in ("W-1", "W-2", "W-1")]
    file = _file(tmp_path, columns, *rows, name="orders.csv")
    assert "nothing was imported" in cli("import", file, "--skip-invalid", code=5).stderr
    assert cli("list").stdout == ""
    assert not Path(file).with_suffix(".rejected.csv").exists()


def test_import_puts_the_prefix_before_order_numbers(cli: Cli, tmp_path: Path) -> None:
    assert cli.json("import", _file(tmp_path, _order(1)), "--prefix", "de-")["imported"] == 1
    assert cli.json("list")["data"][0]["external_ref"] == "de-web-1"


def test_import_keeps_an_order_that_changed_since_its_import(cli: Cli, tmp_path: Path) -> None:
    file = _file(tmp_path, _order(1))
    cli("import", file)
    order_id = cli.json("list")["data"][0]["id"]
    cli("cancel", order_id)
    assert cli.json("import", file)["unchanged"] == 1
    assert cli.json("get", order_id)["status"] == "cancelled"


def test_import_reports_a_number_of_a_placed_order_with_other_content(cli: Cli, tmp_path: Path) -> None:
    cli.place("--external-ref", "web-1")
    report = cli.json("import", _file(tmp_path, _order(1), _order(2)), code=5)
    assert [problem["code"] for problem in report["problems"]] == ["already_kept"]
    assert (report["imported"], report["present"]) == (0, 0)


def test_import_reads_stdin(cli: Cli) -> None:
    assert cli.json("import", "-", "--format", "jsonl", stdin=f"{_order(1)}\n{_order(2)}\n")["imported"] == 2


def test_import_reads_a_named_pipe(cli: Cli, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, f"{_order(1)}\n".encode())
    os.close(writer)
    assert cli.json("import", f"/dev/fd/{reader}", "--format", "jsonl")["imported"] == 1
    os.close(reader)


@pytest.mark.parametrize(
    "args, word",
    [
        (("no-such-file.csv",), "does not exist"),
        (("-",), "--format"),
        (("{good}", "--from", "elsewhere"), "elsewhere is neither MODULE:FUNCTION nor one of auto, amazon,"),
        (("{good}", "--from", "northwind", "--format", "jsonl"), "--from"),
        (("{good}", "--from", ":convert"), ":convert is neither MODULE:FUNCTION"),
        (("{good}", "--from", "no_such_module:convert"), "no_such_module:convert cannot be imported: ModuleNotFoundE"),
        (("{good}", "--from", "json:convert"), "the converter json:convert cannot be imported: AttributeError"),
    ],
)
def test_import_rejects_options_that_do_not_fit_the_file(
    cli: Cli, tmp_path: Path, args: tuple[str, ...], word: str
) -> None:
    good = _file(tmp_path, _order(1))
    assert word in cli("import", *(arg.format(good=good) for arg in args), code=2).stderr


def test_import_reports_where_the_module_of_a_converter_is_looked_for(cli: Cli, tmp_path: Path) -> None:
    good = _file(tmp_path, _order(1))
    where = f"modules are looked for in the current folder, {Path.cwd()}, and on the Python path"
    for name in ("no_such_module", "orderkeep.no_such_module.below"):
        assert where in cli("import", str(good), "--from", f"{name}:convert", code=2).stderr
    assert where not in cli("import", str(good), "--from", "json:convert", code=2).stderr


CONVERTER = """
import pathlib


def convert(rows):
    for row in rows:
        yield [row], {
            "external_ref": row["no"], "user_id": row["who"], "total": row.amount("sum", "EUR"), "currency": "EUR",
            "status": "delivered", "created_at": row.time("on"),
        }

def changing(rows):
    yield from convert(rows)
    pathlib.Path("shop.txt").write_text("no;who;sum;on\\nW-2;bea;-1;2026-03-03\\n")

def buggy(rows):
    for row in rows:
        yield [row], {"total": int(row["sum"])}
"""


def _import_from_a_shop(folder: Path, function: str, *args: str) -> subprocess.CompletedProcess[bytes]:
    _file(folder, CONVERTER, name="a_shop.py")
    file = _file(folder, "no;who;sum;on", "W-1;anna;12.50;2026-03-02", name="shop.txt")
    return run("import", file, "--from", f"a_shop:{function}", *args, cwd=folder)


def test_import_uses_a_converter_in_the_current_directory(tmp_path: Path) -> None:
    assert json.loads(_import_from_a_shop(tmp_path, "convert", "--json").stdout)["totals"] == {"EUR": 1250}


def test_what_was_checked_is_imported_though_the_file_changes_meanwhile(tmp_path: Path) -> None:
    assert _import_from_a_shop(tmp_path, "changing").returncode == 0
    assert "W-2" in (tmp_path / "shop.txt").read_text()
    kept = json.loads(run("list", "--json", cwd=tmp_path).stdout)["data"]
    assert [(order["external_ref"], order["total"]) for order in kept] == [("W-1", 1250)]


def test_import_reports_a_temporary_folder_that_cannot_be_written(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = str(tmp_path / "gone")
    monkeypatch.setattr(tempfile, "tempdir", gone)
    monkeypatch.setattr(order_files, "MAX_IN_MEMORY", 1)
    error = cli.error("import", _file(tmp_path, _order(1)), code=7)
    assert error == {
        "code": "cannot_write",
        "detail": f"cannot write a temporary file in {gone}: No such file or directory",
    }
    assert cli("list").stdout == ""


def test_orders_that_do_not_fit_in_memory_are_imported(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_files, "MAX_IN_MEMORY", 1)
    text = {"metadata": {"note": "one\ntwo\u2028three"}, "tags": ["gift"]}
    canceled = {"status": "cancelled", "cancellation": {"note": "a\nb", "at": "2026-03-03T01:02:03.5+02:00"}}
    file = _file(tmp_path, _order(1, **text), _order(2, **canceled), _order(3))
    assert cli.json("import", file)["imported"] == 3
    assert cli.json("import", file)["unchanged"] == 3
    kept = {order["external_ref"]: order for order in cli.json("list")["data"]}
    assert (kept["web-1"]["metadata"], kept["web-1"]["tags"]) == (text["metadata"], text["tags"])
    assert kept["web-2"]["cancellation"] == {"reason": None, "note": "a\nb", "at": "2026-03-02T23:02:03.500000Z"}


def test_import_reports_a_converter_that_raises(tmp_path: Path) -> None:
    run("migrate", cwd=tmp_path)
    failed = _import_from_a_shop(tmp_path, "buggy")
    assert (failed.returncode, failed.stdout) == (5, b"")
    assert failed.stderr.decode() == (
        "orderkeep: the converter a_shop:buggy raised ValueError at line 2 of the file; "
        "run the command again with --debug to see where\n"
    )
    debugged = _import_from_a_shop(tmp_path, "buggy", "--debug").stderr
    assert b"a_shop.py" in debugged
    assert b"Traceback" in debugged
    error = json.loads(_import_from_a_shop(tmp_path, "buggy", "--json").stderr)
    assert error["code"] == "converter_failed"


def test_import_reports_a_converter_that_cannot_be_imported(tmp_path: Path) -> None:
    failed = _import_from_a_shop(tmp_path, "missing")
    assert failed.returncode == 2
    assert b"the converter a_shop:missing cannot be imported: AttributeError" in failed.stderr
    assert b"Traceback" not in failed.stderr


def test_killed_import_is_completed_by_running_it_again(tmp_path: Path) -> None:
    count = 1_500
    file = _file(tmp_path, *(_order(number) for number in range(1, count + 1)))
    command = [sys.executable, "-m", "orderkeep", "import", file]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and _count_of_orders(tmp_path) < 100:
            pass
        process.send_signal(signal.SIGKILL)
    begun = _count_of_orders(tmp_path)
    assert 100 <= begun < count
    report = json.loads(run("import", file, "--json", cwd=tmp_path).stdout)
    assert (report["imported"], report["unchanged"]) == (count - begun, begun)
    verified = json.loads(run("verify", "--json", cwd=tmp_path).stdout)
    nothing = {"documents": 0, "documents_read": 0, "checkpoints": 0, "problems": []}
    assert verified == nothing | {"orders": count, "changes": count}


def _count_of_orders(folder: Path) -> int:
    if not (folder / "orders.db").exists():
        return 0
    connection = sqlite3.connect(f"file:{folder / 'orders.db'}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])
    except sqlite3.OperationalError:  # no table yet
        return 0
    finally:
        connection.close()


def test_import_reports_how_the_file_was_read(tmp_path: Path) -> None:
    run("migrate", cwd=tmp_path)
    imported = _import_from_a_shop(tmp_path, "convert")
    assert imported.stderr == b"orderkeep: the file was read as utf-8, separated by semicolons\n"


def test_import_uses_the_layout_of_the_options_and_of_the_module(tmp_path: Path) -> None:
    layout = 'from orderkeep.entrypoints.order_files.reading import Layout\n\nLAYOUT = Layout(decimal=".")\n'
    _file(tmp_path, layout, CONVERTER, name="a_shop.py")
    text = "no;who;sum;on\nW-1;Łucja;1.200;2026-03-02 10:00\n"
    (tmp_path / "shop.txt").write_bytes(text.encode("cp1250"))
    command = ("import", "shop.txt", "--from", "a_shop:convert", "--encoding", "windows-1250", "--dry-run", "--json")
    totals = [
        json.loads(run(*command, *options, cwd=tmp_path).stdout)["totals"]["EUR"]
        for options in ((), ("--decimal", "comma"), ("--decimal", "point"))
    ]
    assert totals == [120, 120_000, 120]
    run(*command[:-2], "--timezone", "America/New_York", cwd=tmp_path)
    [order] = json.loads(run("list", "--json", cwd=tmp_path).stdout)["data"]
    assert (order["user_id"], order["created_at"]) == ("Łucja", "2026-03-02T15:00:00Z")


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--encoding", "klingon", "must be an encoding"),
        ("--encoding", "base64", "must be an encoding"),
        ("--timezone", "Mars/Base", "must be a time zone"),
        ("--timezone", "../../etc/passwd", "must be a time zone"),
        ("--decimal", "point", "--decimal is for CSV files"),
    ],
)
def test_import_rejects_options_of_the_layout_that_have_no_effect(
    cli: Cli, tmp_path: Path, option: str, value: str, message: str
) -> None:
    assert message in cli("import", _file(tmp_path, _order(1)), option, value, code=2).stderr


def test_import_accepts_a_withdrawn_currency(cli: Cli, tmp_path: Path) -> None:
    assert cli.json("import", _file(tmp_path, _order(1, currency="DEM")))["totals"] == {"DEM": 1}
    assert "total DEM\t0.01" in cli("import", _file(tmp_path, _order(1, currency="DEM"))).stdout
