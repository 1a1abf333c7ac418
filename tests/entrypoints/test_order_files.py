"""Files of orders: every error is reported with its line, and nothing is guessed."""

import io
import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderkeep.application.use_cases.import_orders import ImportRow
from orderkeep.domain.limits import MAX_LINES
from orderkeep.entrypoints.order_files.converters.northwind import part_of
from orderkeep.entrypoints.order_files.formats import LINE_FIELDS, ORDER_FIELDS, convert
from orderkeep.entrypoints.order_files.reading import LONGEST_LINE, Converted, ConverterFailed, OrderFile
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows, priced
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
    wrong = "W-1,anna,sent,2/3/2026,4.90,b2b|rush,,B7,,four,3.2055"
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
    apart = _shop(HEADER, FIRST, OTHER, SECOND)
    assert _problems(apart) == [(4, "", "rows_apart")]
    assert apart[-1].problems[0].continues == apart[0].line


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
    [
        (b"\x81", "not_utf8"),
        (b"\xc3\xa9\xff", "not_utf8"),
        (b"\0", "nul"),
        (b'"a"b', "malformed_csv"),
        (b"a\rb", "malformed_csv"),
    ],
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
        (f"{HEADER.replace('qty', 'price')}\n{FIRST}", [(1, "qty", "column_missing")]),
        (f"\n{HEADER.replace('qty', chr(255))}\n{FIRST}\n{OTHER}", [(2, "qty", "column_missing")]),
    ],
)
def test_header_must_have_the_columns_that_the_converter_reads(
    header: str, problems: list[tuple[int, str, str]]
) -> None:
    assert _problems(rows_in(header, shop)) == problems


def test_header_that_is_not_text_is_reported() -> None:
    assert _problems(rows_in(b"\x81,b\na secret,a secret\n", shop)) == [(1, "", "not_utf8")]


# --- how a file is written ---


def _simple(rows: Rows) -> Iterator[Converted]:
    for row in rows:
        yield (
            [row],
            {
                "external_ref": row["no"],
                "user_id": row["who"],
                "currency": "EUR",
                "status": "pending",
                "created_at": row.time("on"),
                "total": row.amount("sum", "EUR"),
            },
        )


SIMPLE = "no;who;sum;on\nW-1;Zoë…;12,50;2026-03-02\nW-2;Müller €;3,00;2026-03-03\n"


@pytest.mark.parametrize(
    "encoding, found",
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp1252", "cp1252"), ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"),
    ],
)  # fmt: skip
def test_encoding_is_detected(encoding: str, found: str) -> None:
    file = OrderFile(io.BytesIO(SIMPLE.encode(encoding)), _simple)
    orders = orders_in(list(file))
    assert [(order.external_ref, order.user_id, order.total) for order in orders] == [
        ("W-1", "Zoë…", 1250),
        ("W-2", "Müller €", 300),
    ]
    assert (file.encoding, file.delimiter) == (found, ";")
    assert [row.line for row in file] == [2, 3]


def test_encoding_can_be_selected() -> None:
    text = SIMPLE.replace("Zoë…", "Łódź")
    assert orders_in(rows_in(text.encode("cp1250"), _simple, encoding="cp1250"))[0].user_id == "Łódź"
    assert _problems(rows_in(SIMPLE.encode("cp1252"), _simple, encoding="utf-8"))[0] == (2, "", "not_utf8")
    assert _problems(rows_in(SIMPLE.encode("cp1252"), _simple, encoding="utf-16"))[0] == (1, "", "unreadable")


def test_file_in_two_encodings_is_rejected() -> None:
    header, first, second = SIMPLE.splitlines()
    utf8_later = b"\n".join([header.encode(), first.encode("cp1252"), second.encode()])
    assert _problems(rows_in(utf8_later, _simple)) == [(3, "", "wrong_encoding")]
    cp1252_later = b"\n".join([header.encode(), first.encode(), second.encode("cp1252")])
    assert _problems(rows_in(cp1252_later, _simple)) == [(3, "", "not_utf8")]


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_delimiter_is_detected(delimiter: str) -> None:
    rows = ['"no"', "who", '"a,b;c;d|e"', "sum", "on"], ["W-1", '"a,b;c"', "x", "12.50", "2026-03-02"]
    file = OrderFile(io.BytesIO("\n".join(map(delimiter.join, rows)).encode()), _simple)
    assert [order.user_id for order in orders_in(list(file))] == ["a,b;c"]
    assert file.delimiter == delimiter


def test_inch_sign_in_a_tab_separated_file_is_text() -> None:
    text = (
        'no\twho\tname\tsum\ton\n305-1\tanna\t"24 inch frame\t10.00\t2026-03-02\n'
        '305-2\tben\tFrame 27"\t30.00\t2026-03-02\n305-3\tcy\t"Mug"\t5.00\t2026-03-02\n'
    )
    assert [(order.user_id, order.total) for order in orders_in(rows_in(text, _simple))] == [
        ("anna", 1000),
        ("ben", 3000),
        ("cy", 500),
    ]


def test_columns_that_are_empty_or_occur_twice_are_ignored_if_unused() -> None:
    text = "no,,who,x,sum,x,on,,who\nW-1,a,anna,1,5.00,2,2026-03-02,b,{}\n"
    assert [order.user_id for order in orders_in(rows_in(text.format("anna"), _simple))] == ["anna"]
    assert _problems(rows_in(text.format("bea"), _simple)) == [
        (2, "who", "column_twice"),
        (2, "user_id", "text_missing"),
    ]


def test_rows_above_the_header_and_sums_below_are_ignored() -> None:
    def with_sums(rows: Rows) -> Iterator[Converted]:
        rows.skip = lambda cells: cells[0] == "Sum"
        yield from _simple(rows)

    text = "Orders of March; shop: X\n\nno;who;sum;on\nW-1;anna;5,00;2026-03-02\nSum;5,00\n"
    [row] = rows_in(text, with_sums, columns=("no", "who"))
    assert row.order is not None
    assert (row.line, row.order.total) == (4, 500)


@pytest.mark.parametrize(
    "written, minor",
    [
        ("12", 1200), ("12.5", 1250), ("12,50", 1250), ("1,234.00", 123400), ("1.234,00", 123400),
        ("1.234.567", 123456700),
        ("1,234,567.5", 123456750), ("1 234,56", 123456), ("1\u202f234,56", 123456), ("1'234.50", 123450),
        ("1\N{RIGHT SINGLE QUOTATION MARK}234", 123400),
        ("4.9000", 490), ("0.500", 50), ("€1,234.00", 123400), ("4,90 €", 490), ("€ 4,90", 490), ("EUR 4.90", 490),
        ("4.90EUR", 490), ("+4.90", 490),
    ],
)  # fmt: skip
def test_amounts_are_read_as_shops_write_them(written: str, minor: int) -> None:
    assert [order.total for order in orders_in(rows_in(f"no\twho\tsum\ton\n1\tu\t{written}\t2026-03-02", _simple))] == [
        minor
    ]


@pytest.mark.parametrize(
    "written, code",
    [
        ("1.200", "ambiguous_number"), ("1,200", "ambiguous_number"), ("€12.345", "ambiguous_number"),
        ("1.23.456", "unknown_value"), ("1,23,456.00", "unknown_value"), ("1.234,567.00", "unknown_value"),
        ("12.", "unknown_value"), (".5", "unknown_value"), ("1e3", "unknown_value"), ("", "unknown_value"),
        ("--5", "unknown_value"), ("12 34", "unknown_value"), ("12.345678", "invalid_amount"), ("٣", "unknown_value"),
    ],
)  # fmt: skip
def test_amounts_that_are_not_clear_are_rejected(written: str, code: str) -> None:
    found = _problems(rows_in(f"no\twho\tsum\ton\n1\tu\t{written}\t2026-03-02", _simple))
    assert found == [(2, "sum", code)]


@pytest.mark.parametrize(
    "written, accepted",
    [
        ("€4.90", "EUR"), ("£4.90", "GBP"), ("4,90 zł", "PLN"), ("kr. 4.90", "SEK"), ("US$4.90", "USD"),
        ("AU $4.90", "AUD"), ("$4.90", "USD AUD CAD"), ("R$4.90", "BRL"), ("C$4.90", "CAD"), ("USD 4.90", "USD"),
        ("4.90CAD", "CAD"), ("4.90", "EUR GBP PLN SEK USD AUD BRL CAD"),
    ],
)  # fmt: skip
def test_amount_with_the_sign_of_another_currency_is_rejected(written: str, accepted: str) -> None:
    def convert(rows: Rows) -> Iterator[Converted]:
        for row in rows:
            for currency in ("EUR", "GBP", "PLN", "SEK", "USD", "AUD", "BRL", "CAD"):
                assert row.amount("sum", currency) == (490 if currency in accepted else 0), currency
            yield [row], {}

    rejected = [each for each in _problems(rows_in(f"no\tsum\n1\t{written}\n", convert)) if each[1] == "sum"]
    assert rejected == [(2, "sum", "unknown_value")] * (8 - len(accepted.split()))


def test_decimal_mark_can_be_selected() -> None:
    text = "no;who;sum;on\n1;u;1.200;2026-03-02\n"
    assert [orders_in(rows_in(text, _simple, decimal=mark))[0].total for mark in ".,"] == [120, 120000]
    assert _problems(rows_in(text.replace("1.200", "4.90"), _simple, decimal=",")) == [(2, "sum", "unknown_value")]


@pytest.mark.parametrize("written, number", [("2.0000", 2), ("2,00", 2), ("12", 12)])
def test_quantity_may_have_decimal_places_of_zero(written: str, number: int) -> None:
    text = f"{HEADER}\n{OTHER}\n".replace(",", "\t").replace("\t1\t129", f"\t{written}\t129")
    assert orders_in(rows_in(text, shop))[0].lines[0].quantity == number


@pytest.mark.parametrize("quantity, total, unit", [(3, 1000, 334), (2, 9500, 4750), (7, 1, 1), (4, 0, 0)])
def test_price_of_a_whole_line_is_split_exactly(quantity: int, total: int, unit: int) -> None:
    line = priced(quantity, total)
    assert (line["unit_price"], line["quantity"] * line["unit_price"] - line["discount"]) == (unit, total)


@pytest.mark.parametrize(
    "written, utc",
    [
        ("2026-03-02 10:00", "2026-03-02T09:00:00+00:00"), ("2026-07-02 10:00", "2026-07-02T08:00:00+00:00"),
        ("2026-07-02T10:00:00-04:00", "2026-07-02T14:00:00+00:00"), ("2026-03-02", "2026-03-01T23:00:00+00:00"),
    ],
)  # fmt: skip
def test_times_without_an_offset_are_in_the_selected_time_zone(written: str, utc: str) -> None:
    [order] = orders_in(rows_in(f"no,who,sum,on\n1,u,5,{written}\n", _simple, timezone=ZoneInfo("Europe/Berlin")))
    assert order.created_at.isoformat() == utc


def test_time_that_does_not_exist_is_rejected() -> None:
    text = "no,who,sum,on\n1,u,5,2026-03-29 02:30\n"
    assert _problems(rows_in(text, _simple, timezone=ZoneInfo("Europe/Berlin"))) == [(2, "on", "unknown_value")]


@pytest.mark.parametrize(
    "form, written, utc",
    [
        ("%d.%m.%Y %H:%M", "02.03.2026 10:11", "2026-03-02T10:11:00+00:00"),
        ("%Y-%m-%d %H:%M:%S %z", "2026-03-02 10:11:10 -0400", "2026-03-02T14:11:10+00:00"),
        ("%Y-%m-%d %H:%M %Z", "2026-03-02 10:11 UTC", "2026-03-02T10:11:00+00:00"),
        ("%Y-%m-%d %H:%M %Z", "2026-03-02 10:11 GMT", "2026-03-02T10:11:00+00:00"),
        ("%Y-%m-%d %H:%M %Z", "2026-03-02 10:11 EST", None),
        ("%Y-%m-%d %H:%M %Z", "2026-03-02 10:11 CET", None),
        ("%d %b", "02 Mar", None),
        ("%d/%m %H:%M", "02/03 10:11", None),
        ("%%y %d/%m", "%y 02/03", None),
        ("%%Z %d.%m.%Y", "%Z 02.03.2026", "2026-03-02T00:00:00+00:00"),
    ],
)
def test_no_part_of_a_time_is_dropped_or_invented(
    form: str, written: str, utc: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")  # whose names `strptime` accepts, and drops
    time.tzset()

    def convert_times(rows: Rows) -> Iterator[Converted]:
        for row in rows:
            yield _bare(row, currency="EUR", created_at=row.time("on", form))

    rows = rows_in(f"no,on\n1,{written}\n", convert_times)
    monkeypatch.undo()
    time.tzset()
    found = [row.order.created_at.isoformat() for row in rows if row.order]
    assert (found, _problems(rows)) == (([utc], []) if utc else ([], [(2, "on", "unknown_value")]))


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


def test_own_csv_reports_the_columns_of_another_format_together() -> None:
    text = "Name,Email,Paid at,Subtotal,Shipping,Taxes,Total\n1,a,b,c,d,e,f\n"
    [row] = rows_in(text, convert)
    missing, unknown = [f"{each.field} {each.message}" for each in row.problems]
    assert missing == "user_id, total, currency, status, created_at are required in the header"
    assert unknown.startswith("Name, Email, Paid at, Subtotal, Shipping and 2 more are not in this format: use --from ")


@pytest.mark.parametrize(
    "written, utc",
    [
        ("2026-03-02", "2026-03-01T23:00:00+00:00"),
        ("2026-03-02T10:00", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02 10:00:00.25", "2026-03-02T09:00:00.250000+00:00"),
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00+00:00"),
    ],
)
def test_own_csv_accepts_dates_and_times_in_the_time_zone_of_the_file(written: str, utc: str) -> None:
    text = f"user_id,total,currency,status,created_at\nanna,9900,EUR,pending,{written}\n"
    [order] = orders_in(rows_in(text, convert, timezone=ZoneInfo("Europe/Berlin")))
    assert order.created_at.isoformat() == utc


@pytest.mark.parametrize("written", ["2026-02-30", "2.3.2026", "2026-03", "20260302", "2026-03-29T02:30"])
def test_own_csv_rejects_dates_that_are_not_clear(written: str) -> None:
    text = f"user_id,total,currency,status,created_at\nanna,9900,EUR,pending,{written}\n"
    [row] = rows_in(text, convert, timezone=ZoneInfo("Europe/Berlin"))
    assert [each.field for each in row.problems] == ["created_at"]


def test_own_csv_names_the_forms_of_times_that_it_accepts() -> None:
    [row] = rows_in("user_id,total,currency,status,created_at\nanna,9900,EUR,pending,01.11.2026\n", convert)
    [problem] = row.problems
    assert problem.message == "must be a date or a time such as 2026-11-22 or 2026-11-22T10:00:00Z"


def test_own_csv_without_columns_of_lines_has_orders_without_lines() -> None:
    text = "external_ref,user_id,total,currency,status,created_at\n" + 2 * "W-1,anna,9900,EUR,pending,2026-03-02\n"
    [order] = orders_in(rows_in(text, convert))
    assert (order.external_ref, order.lines) == ("W-1", ())


def test_sample_of_our_own_format_can_be_imported() -> None:
    sample = (Path(__file__).parents[2] / "docs" / "examples" / "orders.csv").read_bytes()
    first, second = orders_in(rows_in(sample, convert))
    assert (first.external_ref, first.total, len(first.lines), first.tags) == ("phone-1", 10_400, 2, ("gift",))
    assert (second.external_ref, second.total, second.currency, second.lines) == ("phone-2", 9_900, "EUR", ())


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
