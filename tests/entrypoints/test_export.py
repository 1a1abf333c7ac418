"""Exported orders: equal after an import, harmless in a spreadsheet, complete or not there, at flat memory."""

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.application.personal_data import with_personal_data
from orderkeep.application.ports import SEPARATOR, ListPosition, OrderFilter, OrderQueries, SnapshotPage
from orderkeep.application.use_cases.export_orders import ExportOrdersUseCase
from orderkeep.bootstrap import bootstrap
from orderkeep.domain.personal_data import PARTS, PersonalData, personal_data_of
from orderkeep.domain.repositories import OrderSnapshot
from orderkeep.entrypoints.order_files.formats import COLUMNS, FORMATS, convert
from orderkeep.entrypoints.order_files.reading import OrderFile
from tests.entrypoints.cli_calls import Cli
from tests.entrypoints.drawn_orders import orders, people
from tests.receipts import use_cases_with_receipts


def _write(name: str, kept: list[OrderDTO]) -> bytes:
    return FORMATS[name].beginning + b"".join(FORMATS[name].order(msgspec.json.encode(order)) for order in kept)


def _read(name: str, written: bytes) -> Iterator[OrderDTO]:
    converter = None if name == "jsonl" else convert
    for row in OrderFile(io.BytesIO(written), converter):
        assert row.problems == ()
        assert row.order is not None
        row.order.to_imported_order()  # the domain takes it as well
        yield row.order


@pytest.mark.parametrize("name", FORMATS)
@given(kept=st.lists(orders(), max_size=3, unique_by=lambda order: order.id))
def test_what_is_written_is_read_back_equal_but_for_the_version_and_its_documents(
    name: str, kept: list[OrderDTO]
) -> None:
    expected = [OrderDTO.of(replace(order, documents=()).to_order(), 1) for order in kept]
    assert [OrderDTO.of(order.to_order(), 1) for order in _read(name, _write(name, kept))] == expected


@given(order=orders())
def test_no_cell_of_a_csv_begins_as_a_formula(order: OrderDTO) -> None:
    [header, *rows] = csv.reader(io.StringIO(_write("csv", [order]).decode(), newline=""))
    assert tuple(header) == COLUMNS
    for cell in (cell for row in rows for cell in row):
        assert not cell or cell[0] not in "=+-@\t\r\n"


def test_a_csv_has_a_row_for_each_line_and_one_for_an_order_without() -> None:
    cli = Cli()
    bare = cli.place("--external-ref", "=SUM(A1)")
    full = cli.json(
        "place", "--user", "u-2", "--currency", "EUR", "--line", "A1,Lamp,2,4.50", "--line", "B2,-10% bulb,1,1"
    )
    rows = {
        (row["id"], row["line_sku"]): row
        for row in csv.DictReader(io.StringIO(cli("export", "--format", "csv").stdout))
    }
    assert set(rows) == {(bare, ""), (full["id"], "A1"), (full["id"], "B2")}
    assert rows[bare, ""]["external_ref"] == "'=SUM(A1)"
    assert rows[full["id"], "B2"]["line_name"] == "'-10% bulb"
    assert {row["total"] for row in rows.values()} == {"9900", "1000"}


def test_exports_what_matches_the_filters() -> None:
    cli = Cli()
    cli.place("--tag", "gift")
    other = cli.place()
    cli("confirm", other)
    assert cli("export", "--tag", "gift").stdout.count("\n") == 1
    assert json.loads(cli("export", "--status", "processing").stdout)["id"] == other
    assert cli("export", "--to", "1999-12-31").stdout == ""
    assert "--external-ref" in cli("export", "--tag", "a", "--external-ref", "b", code=2).stderr


def test_cancelled_orders_and_their_history_s_beginning_survive_the_way_to_another_store(tmp_path: Path) -> None:
    cli, elsewhere = Cli(), Cli()
    for ending in ("csv", "jsonl"):
        order_id = cli.place("--tag", "gift", "--metadata", "note='tis")
        cli("cancel", order_id, "--reason", "too late", "--note", 'Called:\n"never mind"')
        file = tmp_path / f"orders.{ending}"
        cli("export", str(file))
        elsewhere("import", str(file))
        here, there = cli.json("get", order_id), elsewhere.json("get", order_id)
        assert (here.pop("version"), there.pop("version")) == (2, 1)
        assert here == there
    assert elsewhere.json("verify")["problems"] == []


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_documents_stay_with_the_versions_that_they_belong_to(ending: str, tmp_path: Path) -> None:
    cli, elsewhere = Cli(use_cases_with_receipts()), Cli(use_cases_with_receipts())
    order_id = cli.place("--tag", "gift")
    asyncio.run(cli.use_cases.issue_receipt.execute(order_id))
    first, second = tmp_path / f"here.{ending}", tmp_path / f"there.{ending}"
    cli("export", str(first))
    elsewhere("import", str(first))
    elsewhere("export", str(second))
    [here], [there] = _read(ending, first.read_bytes()), _read(ending, second.read_bytes())
    assert here == there
    assert len(cli.json("get", order_id)["documents"]) == 1
    assert elsewhere.json("get", order_id)["documents"] == []
    assert "unchanged\t1\n" in elsewhere("import", str(first)).stdout


def test_a_file_appears_when_it_is_complete_and_replaces_the_old_one(tmp_path: Path) -> None:
    cli = Cli()
    cli.place()
    file = tmp_path / "orders.jsonl"
    file.write_text("old")
    file.chmod(0o640)
    assert "1 order written" in cli("export", str(file)).stderr
    assert json.loads(file.read_text())["total"] == 9900
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_could_not_be_completed_is_as_it_was(tmp_path: Path) -> None:
    cli = Cli()
    file = tmp_path / "orders.jsonl"
    file.write_text("old")
    cli("export", str(file), "--tag", "a", "--external-ref", "b", code=2)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "orders.jsonl")
    Cli()("export", str(tmp_path / "link.jsonl"))
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "orders.jsonl").read_text() == ""


@pytest.mark.parametrize("name", ["orders", "orders.xlsx", "no-such-folder/orders.csv"])
def test_a_file_that_cannot_be_written_is_wrong_usage(tmp_path: Path, name: str) -> None:
    error = Cli()("export", str(tmp_path / name), code=2).stderr
    assert "--format" in error or "No such file or directory" in error


class _ManyOrders(OrderQueries):
    """Orders that are made when they are asked for, so that keeping them is nobody's memory but the exporter's."""

    def __init__(self, count: int, example: OrderDTO) -> None:
        self.count, self.example = count, example

    async def get_snapshot(self, order_id: str) -> OrderSnapshot | None:
        raise NotImplementedError

    async def list_page(self, where: OrderFilter, after: ListPosition | None, limit: int) -> SnapshotPage:
        begin = self.count if after is None else int(after.id)
        last = max(begin - limit, 0)
        documents = SEPARATOR.join(self._document(number) for number in range(begin - 1, last - 1, -1))
        return SnapshotPage(documents, ListPosition(self._time(last), str(last)) if last else None)

    def _document(self, number: int) -> bytes:
        changes = {"id": str(number), "created_at": self._time(number)}
        return msgspec.json.encode({**msgspec.to_builtins(self.example), **changes})

    def _time(self, number: int) -> datetime:
        return self.example.created_at + timedelta(seconds=number)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_memory_stays_flat_however_many_orders_there_are(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"orders.{ending}"
    _peak_of_export(file, 300)  # whatever is made once is made
    few, many = _peak_of_export(file, 2_000), _peak_of_export(file, 20_000)
    assert file.read_bytes().count(b"\n") == 20_000 + (ending == "csv")
    assert many < few * 1.2


def _peak_of_export(file: Path, count: int) -> int:
    example = OrderDTO(
        id="",
        user_id="user-42",
        total=9500,
        currency="EUR",
        status="pending",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        updated_at=datetime(2027, 1, 2, tzinfo=UTC),
        lines=(LineDTO("A1", "Lamp", 2, 4750),),
    )
    export_orders = ExportOrdersUseCase(_ManyOrders(count, example))
    cli = Cli(replace(bootstrap("memory://"), export_orders=export_orders))
    tracemalloc.start()
    cli("export", str(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_csv_for_excel_is_for_people_and_adds_up(tmp_path: Path) -> None:
    cli, file = Cli(), tmp_path / "orders.csv"
    lines = ("--line", "A1,=Lamp,2,47.50", "--line", "B2,Bulb,1,1.25")
    order = cli.json("place", "--user", "user-9", "--currency", "EUR", *lines, "--shipping", "5", "--tag", "gift")
    cli("export", str(file), "--excel")
    data = file.read_text("utf-8")
    assert data.startswith("\ufeffid;user_id;total;")
    first, second = csv.DictReader(io.StringIO(data.removeprefix("\ufeff")), delimiter=";")
    assert (first["total"], first["shipping"], first["line_unit_price"]) == ("101,25", "5,00", "47,50")
    assert (second["total"], second["shipping"], second["line_unit_price"]) == ("", "", "1,25")
    assert first["created_at_utc"] == order["created_at"][:19].replace("T", " ")
    assert (first["line_name"], first["line_quantity"], first["tags"]) == ("'=Lamp", "2", "gift")
    assert cli("export", "-", "--excel").stdout.splitlines() == data.splitlines()
    assert "--excel writes a CSV file" in cli("export", "orders.jsonl", "--excel", code=2).stderr


def test_csv_for_excel_has_one_row_per_order_in_a_summary() -> None:
    cli = Cli()
    lines = ("--line", "A1,Lamp,2,47.50", "--line", "B2,Bulb,1,1.25")
    cli("place", "--user", "user-9", "--currency", "EUR", *lines, "--metadata", "channel=web", "--metadata", "till=3")
    header, row = cli("export", "-", "--excel", "--summary").stdout.splitlines()
    cells = dict(zip(header.split(";"), next(csv.reader([row], delimiter=";")), strict=True))
    assert (cells["total"], cells["metadata"]) == ("96,25", "channel: web; till: 3")
    assert "line_sku" not in cells
    assert "--summary needs --excel" in cli("export", "--summary", code=2).stderr


def test_import_rejects_the_csv_for_excel(tmp_path: Path) -> None:
    cli, file = Cli(), tmp_path / "orders.csv"
    cli.place()
    cli("export", str(file), "--excel")
    error = cli("import", str(file), code=5).stderr
    assert "orders.csv:1: this file is for spreadsheets: to import the orders, export them without --excel" in error


@given(order=orders(), person=people())
@pytest.mark.parametrize("name", FORMATS)
def test_personal_data_is_read_back_as_it_is_written(name: str, order: OrderDTO, person: PersonalData) -> None:
    document = with_personal_data(msgspec.json.encode(order), person)
    written = FORMATS[name].beginning + FORMATS[name].order(document)
    [row] = OrderFile(io.BytesIO(written), None if name == "jsonl" else convert)
    assert row.problems == ()
    assert row.personal == personal_data_of(person.customer, person.shipping_address, person.billing_address)


def test_csv_has_the_personal_data_in_the_first_row_of_an_order(tmp_path: Path) -> None:
    cli, file = Cli(), tmp_path / "orders.csv"
    lines = ("--line", "A1,Lamp,2,4.50", "--line", "B2,Bulb,1,1")
    person = ("--email", "jo@example.com", "--ship-to", "city=Leeds", "--bill-to", "city=Bern")
    order = cli.json("place", "--user", "u-2", "--currency", "EUR", *lines, *person)
    cli("export", str(file))
    first, second = csv.DictReader(io.StringIO(file.read_text()))
    names = ("customer_email", "shipping_city", "billing_city")
    assert [first[name] for name in names] == ["jo@example.com", "Leeds", "Bern"]
    assert [second[name] for name in names] == ["", "", ""]

    elsewhere = Cli()
    elsewhere("import", str(file))
    stored = elsewhere.json("get", order["id"])
    assert {part: stored[part] for part in PARTS} == {part: order[part] for part in PARTS}
    assert elsewhere("import", str(file)).stdout.count("unchanged\t1") == 1

    file.write_text(file.read_text().replace("jo@example.com", "jo"))
    assert ":2: customer_email must be an e-mail address" in elsewhere("import", str(file), code=5).stderr


def test_further_rows_of_an_order_may_repeat_its_personal_data_but_not_change_it(tmp_path: Path) -> None:
    columns = (
        "id,user_id,total,currency,status,created_at,line_sku,line_name,line_quantity,line_unit_price,shipping_city"
    )
    row = "a-1,u-1,300,EUR,pending,2026-03-02,{sku},Lamp,1,{price},{city}"
    file, cli = tmp_path / "orders.csv", Cli()

    def write(city: str) -> None:
        rows = (row.format(sku="A", price=100, city="Leeds"), row.format(sku="B", price=200, city=city))
        file.write_text("\n".join([columns, *rows]) + "\n")

    write("York")
    assert ":3: shipping_city must be the same as in line 2, or empty" in cli("import", str(file), code=5).stderr
    write("Leeds")
    cli("import", str(file))
    assert cli.json("get", "a-1")["shipping_address"]["city"] == "Leeds"


def test_excel_has_the_person_and_no_digest() -> None:
    cli = Cli()
    cli.place("--customer-name", "=Jo", "--ship-to", "city=Leeds")
    for option in ("--excel", "--summary"):
        text = cli("export", "--excel", *([option] if option == "--summary" else [])).stdout.removeprefix("\ufeff")
        [row] = csv.DictReader(io.StringIO(text), delimiter=";")
        assert (row["customer_name"], row["shipping_city"]) == ("'=Jo", "Leeds")
        assert "personal_data" not in row


def test_export_to_documents_has_no_personal_data() -> None:
    cli = Cli()
    cli.place("--customer-name", "Jo Doe")
    for name in FORMATS:
        exported = cli.json("export", "--to-documents", "--format", name)
        content = asyncio.run(cli.use_cases.export_to_document.store.get(exported["key"]))
        assert content
        assert b"Jo Doe" not in content
