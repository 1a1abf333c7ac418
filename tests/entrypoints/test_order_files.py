"""Files of orders: every error is reported with its line, and nothing is guessed."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.domain.limits import MAX_LINES
from orderkeep.entrypoints.order_files.formats import LINE_FIELDS, ORDER_FIELDS, convert
from orderkeep.entrypoints.order_files.northwind import part_of
from orderkeep.entrypoints.order_files.reading import LONGEST_LINE, Converted, ConverterFailed
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows
from tests.entrypoints.order_file_reading import orders_in, rows_in, shop

HEADER = "no,who,state,on,post,labels,gift,sku,article,qty,price"
FIRST = "W-1,anna,sent,2/3/2026,4.90,b2b|rush,,A1,Desk lamp,2,47.50"
SECOND = "W-1,anna,sent,2/3/2026,4.90,b2b|rush,,B7,Bulb,4,3.20"
OTHER = "W-2,ben,open,5/3/2026,9.90,,yes,C3,Shelf,1,129.00"


def _shop(*lines: str) -> list[ImportRow]:
    return rows_in("\n".join(lines) + "\n", shop)


def _problems(rows: Sequence[ImportRow]) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.field, problem.code) for row in rows for problem in row.problems]


def test_converter_reads_orders_from_rows() -> None:
    first, other = orders_in(_shop(HEADER, FIRST, SECOND, OTHER))
    assert (first.external_ref, first.user_id, first.status, first.currency) == ("W-1", "anna", "shipped", "EUR")
    assert first.created_at.isoformat() == "2026-03-02T00:00:00+00:00"
    assert (first.tags, first.metadata, other.metadata) == (("b2b", "rush"), {}, {"gift": "yes"})
    assert [(line.sku, line.quantity, line.unit_price) for line in first.lines] == [("A1", 2, 4750), ("B7", 4, 320)]
    assert (first.total, other.total) == (9500 + 1280 + 490, 12900 + 990)
    assert [row.line for row in _shop(HEADER, FIRST, SECOND, OTHER)] == [2, 4]


def test_every_invalid_cell_is_reported_with_its_line() -> None:
    wrong = "W-1,anna,sent,2/3/2026,4.90,b2b|rush,,B7,,four,3.205"
    lost = "W-3,,lost,5.3.2026,1e3,,,C3,Shelf,1,-129.00"
    assert sorted(_problems(_shop(HEADER, FIRST, wrong, OTHER, lost))) == [
        (3, "lines/1/name", "text_missing"),
        (3, "price", "invalid_amount"),
        (3, "qty", "unknown_value"),
        (5, "lines/0/unit_price", "amount_out_of_range"),
        (5, "on", "unknown_value"),
        (5, "post", "unknown_value"),
        (5, "state", "unknown_value"),
        (5, "total", "amount_out_of_range"),
        (5, "user_id", "text_missing"),
    ]


def test_a_message_says_what_a_column_must_contain() -> None:
    [row] = _shop(HEADER, OTHER.replace("129.00", "much").replace("open", "gone"))
    assert [f"{problem.field} {problem.message}" for problem in row.problems] == [
        "price must be an amount in major units, such as 99.00",
        "state must be one of open, sent",
    ]


def _bare(row: Row, **fields: object) -> Converted:
    return [row], {"external_ref": row["no"], "user_id": "anna", "status": "pending", "total": 1, **fields}


@pytest.mark.parametrize("written", ["2026-03-02T08:00:00+01:00", "2026-03-02T07:00:00Z", "2026-03-02 07:00"])
def test_times_are_iso_8601_and_utc_without_an_offset(written: str) -> None:
    def one_row_each(rows: Rows) -> Iterator[Converted]:
        for row in rows:
            yield _bare(row, currency="EUR", created_at=row.time("on"))

    [order] = orders_in(rows_in(f"no;on\nW-1;{written}\n", one_row_each, delimiter=";"))
    assert order.created_at == datetime.fromisoformat("2026-03-02T07:00:00Z")


def test_unknown_currency_is_reported_once() -> None:
    def in_xxx(rows: Rows) -> Iterator[Converted]:
        for row in rows:
            yield _bare(row, currency="XXX", created_at="2026-03-02T00:00:00Z", total=row.amount("price", "XXX"))

    assert _problems(rows_in("no,price\nW-1,1.00\n", in_xxx)) == [(2, "currency", "unknown_currency")]


def test_converter_that_raises_is_reported_with_the_line() -> None:
    def buggy(rows: Rows) -> Iterator[Converted]:
        for row in rows:
            yield _bare(row, total=int(row["price"]))

    with pytest.raises(ConverterFailed, match=r"^raised ValueError at line 3 of the file$") as failed:
        rows_in("no,price\nW-1,100\nW-2,a secret\n", buggy)
    assert isinstance(failed.value.__cause__, ValueError)


@pytest.mark.parametrize("yielded", [{}, None, ([], 1, 2), (["no row"], {})])
def test_converter_that_yields_something_else_is_reported(yielded: Converted) -> None:
    with pytest.raises(ConverterFailed, match=r"^raised "):
        rows_in(f"{HEADER}\n{FIRST}\n", lambda rows: [yielded])


def test_rows_of_an_order_must_be_adjacent_and_equal() -> None:
    changed = FIRST.replace("anna", "bea").replace("4.90", "5.00")
    assert _problems(_shop(HEADER, FIRST, changed)) == [(3, "who", "rows_differ"), (3, "post", "rows_differ")]
    assert _problems(_shop(HEADER, FIRST, OTHER, SECOND)) == [(4, "", "rows_apart")]


def test_row_of_another_length_does_not_hide_later_errors() -> None:
    rows = _shop(HEADER, FIRST, "W-1,anna", OTHER.replace("5/3/2026", "never"))
    assert _problems(rows) == [(3, "", "wrong_number_of_cells"), (4, "on", "unknown_value")]
    assert [row.order for row in rows] == [None, None]


def test_lines_are_counted_through_quoted_line_breaks() -> None:
    quoted = OTHER.replace("Shelf", '"Shelf\r\n\nof ""oak"""')
    row = OTHER.replace("W-2", "W-3").replace("129.00", "?")
    assert _problems(_shop(HEADER, quoted, "", row)) == [
        (2, "lines/0/name", "text_not_printable"),
        (6, "price", "unknown_value"),
    ]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(ending: bytes, mark: bytes) -> None:
    content = mark + ending.join(line.encode() for line in (HEADER, FIRST, SECOND, OTHER))
    assert orders_in(rows_in(content, shop)) == orders_in(_shop(HEADER, FIRST, SECOND, OTHER))


@pytest.mark.parametrize(
    "damage, code",
    [(b"\xff", "not_utf8"), (b"\0", "nul"), (b'"a"b', "malformed_csv"), (b"a\rb", "malformed_csv")],
)
def test_damaged_line_is_reported_and_skipped(damage: bytes, code: str) -> None:
    damaged = OTHER.encode().replace(b"Shelf", damage)
    last = OTHER.replace("W-2", "W-3").replace("129.00", "?").encode()
    rows = rows_in(b"\n".join([HEADER.encode(), FIRST.encode(), damaged, last]), shop)
    assert _problems(rows) == [(3, "", code), (4, "price", "unknown_value")]


def test_unclosed_quote_is_reported_where_it_opens() -> None:
    assert _problems(_shop(HEADER, FIRST, OTHER.replace("Shelf", '"Shelf'))) == [(3, "", "malformed_csv")]
    endless = [HEADER, OTHER.replace("Shelf", '"Shelf'), *[FIRST] * 3_000]
    assert _problems(_shop(*endless)) == [(2, "", "record_too_long")]


@pytest.mark.parametrize(
    "header, problems",
    [
        ("", [(1, "", "header_missing")]),
        (f"{HEADER.replace('price', 'cost')}\n{FIRST}", [(1, "price", "column_missing")]),
        (HEADER.replace("qty", "price"), [(1, "price", "column_twice")]),
        (f"\n{HEADER.replace('qty', chr(255))}\n{FIRST}\n{OTHER}", [(2, "qty", "column_missing")]),
    ],
)
def test_header_must_have_the_columns_that_the_converter_reads(
    header: str, problems: list[tuple[int, str, str]]
) -> None:
    assert _problems(rows_in(header, shop)) == problems


def test_header_in_another_encoding_is_reported_as_not_utf8() -> None:
    assert _problems(rows_in(HEADER.encode("utf-16"), shop)) == [(1, "", "not_utf8")]
    assert _problems(rows_in(b"\xff,b\na secret,a secret\n", shop)) == [(1, "", "not_utf8")]


def test_order_next_to_a_damaged_row_is_not_imported() -> None:
    last = OTHER.replace("W-2", "W-3")
    rows = _shop(HEADER, FIRST, "W-1,anna", OTHER, last)
    assert _problems(rows) == [(3, "", "wrong_number_of_cells")]
    assert [row.order.external_ref if row.order else None for row in rows] == [None, None, "W-3"]


def test_more_rows_than_an_order_may_have_lines_are_not_kept() -> None:
    most = 0

    def watched(rows: Rows) -> Iterator[Converted]:
        nonlocal most
        for order, data in shop(rows):
            most = max(most, len(order))
            yield order, data

    assert _problems(rows_in("\n".join([HEADER, *[FIRST] * 2_000]), watched)) == [(2, "lines", "too_many_lines")]
    assert most == MAX_LINES + 1


def test_row_without_a_key_is_an_order_of_its_own() -> None:
    grouped: list[list[int]] = []

    def by_key(rows: Rows) -> Iterator[Converted]:
        grouped.extend([row.line for row in group] for group in group_rows(rows, lambda row: row["no"]))
        yield from ()

    rows_in("no,x\n,1\n,2\nW-1,3\nW-1,4\n", by_key)
    assert grouped == [[2], [3], [4, 5]]


@given(gross=st.integers(0, 10**12), numerator=st.integers(0, 10_000))
def test_what_is_left_of_a_discounted_line_is_rounded_half_up(gross: int, numerator: int) -> None:
    fraction = Fraction(numerator, 10_000)
    left = gross - part_of(gross, fraction)
    exact = gross * (1 - fraction)
    assert left - Fraction(1, 2) <= exact < left + Fraction(1, 2)


# --- orderkeep's own files ---


def test_own_csv_may_omit_optional_columns() -> None:
    text = "user_id,total,currency,status,created_at,external_ref\nanna,9900,EUR,pending,2026-03-02T00:00:00Z,W-1\n"
    [order] = orders_in(rows_in(text, convert))
    assert (order.id, order.external_ref, order.total, order.lines) == ("", "W-1", 9900, ())


def test_own_csv_rejects_unknown_columns() -> None:
    text = "user_id,total,currency,status,createdat\n"
    assert _problems(rows_in(text, convert)) == [
        (1, "created_at", "column_missing"),
        (1, "createdat", "column_unknown"),
    ]


def test_own_csv_reports_invalid_values() -> None:
    header = (
        "id,user_id,total,currency,status,created_at,tags,metadata,line_sku,line_name,line_quantity,line_unit_price"
    )
    rows = [
        'o-1,anna,9.50,EUR,gone,yesterday,"[""a"",",{},A1,Lamp,2,475',
        'o-1,anna,9.50,EUR,gone,yesterday,"[""a"",",{},,Bulb,two,475',
    ]
    assert sorted(_problems(rows_in("\n".join([header, *rows]), convert))) == [
        (2, "created_at", "invalid_time"),
        (2, "status", "unknown_status"),
        (2, "tags", "wrong_type"),
        (2, "total", "wrong_type"),
        (3, "lines/1/quantity", "wrong_type"),
        (3, "lines/1/sku", "field_missing"),
    ]


def test_jsonl_reports_each_invalid_line() -> None:
    good = {"user_id": "anna", "total": 1, "currency": "EUR", "status": "pending", "created_at": "2026-03-02T00:00:00Z"}
    lines = [json.dumps(good), "", "{", json.dumps({**good, "total": -1, "colour": 3}), "[1]", "\xff", '{"a":1,"a":2}']
    rows = rows_in("\n".join(lines).encode("latin-1"), None)
    assert _problems(rows) == [
        (3, "", "malformed_json"),
        (4, "total", "amount_out_of_range"),
        (4, "colour", "unknown_field"),
        (5, "", "wrong_type"),
        (6, "", "not_utf8"),
        (7, "", "malformed_json"),
    ]
    assert [row.order is not None for row in rows] == [True, False, False, False, False, False]


@pytest.mark.parametrize("blank", ["\N{NO-BREAK SPACE}", "\x0b", "\x1f"])
def test_jsonl_uses_the_whitespace_of_json(blank: str) -> None:
    good = '{"user_id":"anna","total":1,"currency":"EUR","status":"pending","created_at":"2026-03-02T00:00:00Z"}'
    assert len(orders_in(rows_in(f" \t{good}\t \r\n \t\n", None))) == 1
    assert _problems(rows_in(f"{blank}{good}\n{blank}\n", None)) == [
        (1, "", "malformed_json"),
        (2, "", "malformed_json"),
    ]


@pytest.mark.parametrize("again", ['"total":2', '"total" :2', '"total"\t:2', '"total"\r:2', '"tot\\u0061l": 2'])
def test_jsonl_rejects_a_repeated_name(again: str) -> None:
    good = '{"user_id":"anna","total":1,"currency":"EUR","status":"pending","created_at":"2026-03-02T00:00:00Z"}'
    assert len(orders_in(rows_in(good.replace("anna", 'anna: \\":'), None))) == 1
    assert _problems(rows_in(good.replace("}", f",{again}}}"), None)) == [(1, "", "malformed_json")]


def test_endless_line_is_not_read_to_its_end() -> None:
    assert _problems(rows_in(b"[" * (LONGEST_LINE + 10), None)) == [(1, "", "line_too_long")]


def test_empty_file_has_no_orders() -> None:
    assert rows_in(b"", None) == []


def test_field_types_are_derived_from_the_classes() -> None:
    assert "lines" not in ORDER_FIELDS
    kinds = {name: ORDER_FIELDS[name] for name in ("total", "version", "created_at", "external_ref")}
    assert list(kinds.values()) == [int, int, datetime, str]
    assert LINE_FIELDS["quantity"] is int
