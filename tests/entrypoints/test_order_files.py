"""Files of orders as people have them: everything that is wrong is told by line, and nothing is guessed."""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.domain.limits import MAX_LINES
from orderkeep.entrypoints.order_files.csv_orders import Row
from orderkeep.entrypoints.order_files.fields import LINE_FIELDS, ORDER_FIELDS, Kind
from orderkeep.entrypoints.order_files.lines import LONGEST_LINE, Fault
from orderkeep.entrypoints.order_files.maps import MappedLayout, part_of, read_map
from orderkeep.entrypoints.order_files.reading import layout_of
from tests.entrypoints.order_file_reading import SHOP, orders_in, rows_in

HEADER = "no,who,state,on,post,labels,gift,sku,article,qty,price,off"
FIRST = "W-1,anna,sent,2/3/2026,4.90,b2b|rush,,A1,Desk lamp,2,47.50,0.1"
SECOND = "W-1,anna,sent,2/3/2026,4.90,b2b|rush,,B7,Bulb,4,3.20,"
OTHER = "W-2,ben,open,5/3/2026,9.90,,yes,C3,Shelf,1,129.00,0"


def _shop(*lines: str) -> list[ImportRow]:
    return rows_in("\n".join(lines) + "\n", MappedLayout(read_map(SHOP)))


def _problems(rows: Sequence[ImportRow]) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.field, problem.code) for row in rows for problem in row.problems]


def test_map_reads_orders_from_rows() -> None:
    first, other = orders_in(_shop(HEADER, FIRST, SECOND, OTHER))
    assert (first.external_ref, first.user_id, first.status, first.currency) == ("W-1", "anna", "shipped", "EUR")
    assert first.created_at.isoformat() == "2026-03-02T00:00:00+00:00"
    assert (first.tags, first.metadata, other.metadata) == (("b2b", "rush"), {}, {"gift": "yes"})
    assert [(line.sku, line.quantity, line.unit_price, line.discount) for line in first.lines] == [
        ("A1", 2, 4750, 950),
        ("B7", 4, 320, 0),
    ]
    assert (first.total, other.total) == (9500 - 950 + 1280 + 490, 12900 + 990)
    assert [row.line for row in _shop(HEADER, FIRST, SECOND, OTHER)] == [2, 4]


def test_every_invalid_cell_is_reported_with_its_line() -> None:
    wrong = "W-1,anna,sent,2/3/2026,4.90,b2b|rush,,B7,,four,3.205,2"
    lost = "W-3,,lost,5.3.2026,1e3,,,C3,Shelf,1,-129.00,0"
    assert sorted(_problems(_shop(HEADER, FIRST, wrong, OTHER, lost))) == [
        (3, "lines/1/name", "field_missing"),
        (3, "lines/1/quantity", "unknown_value"),
        (3, "lines/1/unit_price", "invalid_amount"),
        (5, "created_at", "unknown_value"),
        (5, "lines/0/unit_price", "amount_out_of_range"),
        (5, "shipping", "unknown_value"),
        (5, "status", "unknown_value"),
        (5, "user_id", "field_missing"),
    ]


@pytest.mark.parametrize("fraction", ["1.01", "-0.1", "10%", "nan"])
def test_invalid_fraction_is_reported(fraction: str) -> None:
    row = OTHER.removesuffix("0") + fraction
    assert _problems(_shop(HEADER, FIRST, row)) == [(3, "lines/0/discount", "invalid_fraction")]


def test_a_message_names_the_column() -> None:
    [row] = _shop(HEADER, OTHER.replace("129.00", "much"))
    assert [problem.message for problem in row.problems] == [
        "must be an amount in major units, such as 99.00 (column price)"
    ]


def test_unknown_currency_is_reported_once() -> None:
    layout = MappedLayout(read_map(SHOP.replace("EUR", "XXX")))
    assert _problems(rows_in(f"{HEADER}\n{FIRST}\n", layout)) == [(2, "currency", "unknown_currency")]


def test_rows_of_an_order_must_be_adjacent_and_equal() -> None:
    changed = FIRST.replace("anna", "bea").replace("4.90", "5.00")
    assert _problems(_shop(HEADER, FIRST, changed)) == [(3, "who", "rows_differ"), (3, "post", "rows_differ")]
    assert _problems(_shop(HEADER, FIRST, OTHER, SECOND)) == [(4, "", "rows_apart")]


def test_row_of_another_length_does_not_hide_later_errors() -> None:
    rows = _shop(HEADER, FIRST, "W-1,anna", OTHER.replace("5/3/2026", "never"))
    assert _problems(rows) == [(3, "", "wrong_number_of_cells"), (4, "created_at", "unknown_value")]
    assert [row.order for row in rows] == [None, None]


def test_lines_are_counted_through_quoted_line_breaks() -> None:
    quoted = OTHER.replace("Shelf", '"Shelf\r\n\nof ""oak"""')
    row = OTHER.replace("W-2", "W-3").replace("129.00", "?")
    assert _problems(_shop(HEADER, quoted, "", row)) == [
        (2, "lines/0/name", "text_not_printable"),
        (6, "lines/0/unit_price", "unknown_value"),
    ]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(ending: bytes, mark: bytes) -> None:
    content = mark + ending.join(line.encode() for line in (HEADER, FIRST, SECOND, OTHER))
    assert orders_in(rows_in(content, MappedLayout(read_map(SHOP)))) == orders_in(_shop(HEADER, FIRST, SECOND, OTHER))


@pytest.mark.parametrize(
    "damage, code",
    [(b"\xff", "not_utf8"), (b"\0", "nul"), (b'"a"b', "malformed_csv"), (b"a\rb", "malformed_csv")],
)
def test_damage_is_told_by_line_and_stepped_over(damage: bytes, code: str) -> None:
    damaged = OTHER.encode().replace(b"Shelf", damage)
    last = OTHER.replace("W-2", "W-3").replace("129.00", "?").encode()
    rows = rows_in(b"\n".join([HEADER.encode(), FIRST.encode(), damaged, last]), MappedLayout(read_map(SHOP)))
    assert _problems(rows) == [(3, "", code), (4, "lines/0/unit_price", "unknown_value")]


def test_unclosed_quote_is_reported_where_it_opens() -> None:
    assert _problems(_shop(HEADER, FIRST, OTHER.replace("Shelf", '"Shelf'))) == [(3, "", "malformed_csv")]
    endless = [HEADER, OTHER.replace("Shelf", '"Shelf'), *[FIRST] * 3_000]
    assert _problems(_shop(*endless)) == [(2, "", "malformed_csv")]


@pytest.mark.parametrize(
    "header, problems",
    [
        ("", [(1, "", "header_missing")]),
        (HEADER.replace("price", "cost"), [(1, "price", "column_missing")]),
        (HEADER.replace("qty", "price"), [(1, "price", "column_twice"), (1, "qty", "column_missing")]),
        (HEADER.replace("qty", "\xff"), [(1, "qty", "column_missing")]),
    ],
)
def test_header_must_have_the_columns_of_the_map(header: str, problems: list[tuple[int, str, str]]) -> None:
    assert _problems(rows_in(header, MappedLayout(read_map(SHOP)))) == problems


def test_a_header_in_another_encoding_is_told_as_that() -> None:
    assert _problems(rows_in(HEADER.encode("utf-16"), MappedLayout(read_map(SHOP))))[0][2] == "not_utf8"


def test_order_next_to_a_damaged_row_is_not_imported() -> None:
    last = OTHER.replace("W-2", "W-3")
    rows = _shop(HEADER, FIRST, "W-1,anna", OTHER, last)
    assert _problems(rows) == [(3, "", "wrong_number_of_cells")]
    assert [row.order.external_ref if row.order else None for row in rows] == [None, None, "W-3"]


def test_more_rows_than_an_order_may_have_lines_are_not_kept() -> None:
    class Watched(MappedLayout):
        most = 0

        def read(self, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Fault]]:
            self.most = max(self.most, len(rows))
            return super().read(rows)

    layout = Watched(read_map(SHOP))
    assert _problems(rows_in("\n".join([HEADER, *[FIRST] * 2_000]), layout)) == [(2, "lines", "too_many_lines")]
    assert layout.most == MAX_LINES + 1


@given(gross=st.integers(0, 10**12), numerator=st.integers(0, 10_000))
def test_what_is_left_of_a_discounted_line_is_rounded_half_up(gross: int, numerator: int) -> None:
    fraction = Fraction(numerator, 10_000)
    left = gross - part_of(gross, fraction)
    exact = gross * (1 - fraction)
    assert left - Fraction(1, 2) <= exact < left + Fraction(1, 2)


# --- orderkeep's own files ---


def test_own_csv_may_omit_optional_columns() -> None:
    text = "user_id,total,currency,status,created_at,external_ref\nanna,9900,EUR,pending,2026-03-02T00:00:00Z,W-1\n"
    [order] = orders_in(rows_in(text, layout_of("orderkeep")))
    assert (order.id, order.external_ref, order.total, order.lines) == ("", "W-1", 9900, ())


def test_own_csv_rejects_unknown_columns() -> None:
    text = "user_id,total,currency,status,createdat\n"
    assert _problems(rows_in(text, layout_of("orderkeep"))) == [
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
    assert sorted(_problems(rows_in("\n".join([header, *rows]), layout_of("orderkeep")))) == [
        (2, "created_at", "invalid_time"),
        (2, "status", "unknown_status"),
        (2, "tags", "wrong_type"),
        (2, "total", "wrong_type"),
        (3, "lines/1/quantity", "wrong_type"),
        (3, "lines/1/sku", "field_missing"),
    ]


def test_jsonl_tells_each_wrong_line() -> None:
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


def test_endless_line_is_not_read_to_its_end() -> None:
    assert _problems(rows_in(b"[" * (LONGEST_LINE + 10), None)) == [(1, "", "line_too_long")]


def test_empty_file_has_no_orders() -> None:
    assert rows_in(b"", None) == []


def test_field_kinds_are_derived_from_the_classes() -> None:
    assert "lines" not in ORDER_FIELDS
    kinds = {name: ORDER_FIELDS[name] for name in ("total", "version", "created_at", "tags", "external_ref")}
    assert list(kinds.values()) == [Kind.AMOUNT, Kind.NUMBER, Kind.INSTANT, Kind.JSON, Kind.TEXT]
    assert (LINE_FIELDS["quantity"], LINE_FIELDS["unit_price"]) == (Kind.NUMBER, Kind.AMOUNT)
