"""The orders of the Northwind sample database: a real file, imported as it is."""

import csv
import json
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from tests.entrypoints.cli_calls import Cli

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def cli(northwind_csv: Path) -> Cli:
    cli = Cli()
    cli("import", str(northwind_csv), "--from", "northwind")
    return cli


def _recomputed_totals(path: Path) -> dict[str, Decimal]:
    """Compute each order's total from the file alone: each line rounded half up to the cent, and the freight."""
    lines: dict[str, Decimal] = defaultdict(Decimal)
    freight: dict[str, Decimal] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            net = Decimal(row["quantity"]) * Decimal(row["unit_price"]) * (1 - Decimal(row["discount"]))
            lines[row["order_id"]] += net.quantize(CENT, ROUND_HALF_UP)
            freight[row["order_id"]] = Decimal(row["freight"])
    assert (sum(lines.values()), sum(freight.values())) == (Decimal("1265793.29"), Decimal("64942.69"))
    return {order_id: lines[order_id] + freight[order_id] for order_id in lines}


def test_import_dry_run_prints_counts_and_writes_nothing(northwind_csv: Path) -> None:
    cli = Cli()
    report = cli.json("import", str(northwind_csv), "--from", "northwind", "--dry-run")
    assert (report["orders"], report["lines"]) == (830, 2155)
    assert report["statuses"] == {"shipped": 809, "processing": 21}
    assert report["totals"] == {"USD": 133073598}
    assert report["problem_count"] == 0
    assert cli("list").stdout == ""


def test_every_total_is_the_file_s_own(cli: Cli, northwind_csv: Path) -> None:
    kept = [json.loads(line) for line in cli("export").stdout.splitlines()]
    totals = {order["external_ref"]: Decimal(order["total"]).scaleb(-2) for order in kept}
    assert totals == _recomputed_totals(northwind_csv)
    assert sum(totals.values()) == Decimal("1330735.98")


def test_prints_the_sum_of_all_totals(northwind_csv: Path) -> None:
    printed = Cli()("import", str(northwind_csv), "--from", "northwind").stdout.splitlines()
    expected = ["orders 830", "lines 2155", "processing 21", "shipped 809", "total USD 1330735.98", "imported 830"]
    assert [line.replace("\t", " ") for line in printed[:6]] == expected


def test_importing_twice_changes_nothing(cli: Cli, northwind_csv: Path) -> None:
    before = cli("export").stdout
    report = cli.json("import", str(northwind_csv), "--from", "northwind")
    assert (report["imported"], report["unchanged"], report["present"]) == (0, 830, 0)
    assert cli("export").stdout == before


def test_an_order_keeps_its_dates_its_status_and_all_that_the_file_says(cli: Cli) -> None:
    order = cli.json("list", "--external-ref", "10251")["data"][0]
    assert (order["user_id"], order["status"], order["currency"]) == ("VICTE", "shipped", "USD")
    assert (order["created_at"], order["updated_at"]) == ("1996-07-08T00:00:00Z", "1996-07-15T00:00:00Z")
    assert (order["shipping"], len(order["lines"])) == (4134, 3)
    assert order["lines"][0] == {
        "sku": "22",
        "name": "Gustaf's Knäckebröd",
        "quantity": 6,
        "unit_price": 1680,
        "discount": 504,
        "tax": 0,
        "id": "l1",
        "cancelled": 0,
        "shipped": 6,
        "delivered": 0,
        "returned": 0,
    }
    assert order["metadata"]["ship_city"] == "Lyon"
    history = cli.json("history", order["id"])["data"]
    assert [event["type"] for event in history[0]["events"]] == ["OrderImported"]


def test_unshipped_order_was_last_updated_when_placed(cli: Cli) -> None:
    waiting = cli.json("list", "--status", "processing", "--limit", "200")["data"]
    assert len(waiting) == 21
    assert all(order["updated_at"] == order["created_at"] for order in waiting)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_what_is_exported_is_imported_elsewhere_as_equal_orders(cli: Cli, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"orders.{ending}"
    cli("export", str(file))
    elsewhere = Cli()
    assert elsewhere.json("import", str(file))["imported"] == 830
    assert elsewhere("export").stdout == cli("export").stdout
    verified = elsewhere.json("verify")
    assert (verified["orders"], verified["changes"], verified["problems"]) == (830, 830, [])
