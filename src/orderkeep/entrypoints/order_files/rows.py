"""The rows of a CSV file (RFC 4180), and what converters need to make orders of them. Errors do not end the reading."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from math import floor
from typing import Any

from orderkeep.application.use_cases.import_orders import ImportProblem
from orderkeep.domain.limits import MAX_LINES, MAX_METHOD_LENGTH
from orderkeep.domain.value_objects import DEFAULT_CURRENCY, EXPONENTS, in_utc, normalized_ref, precision_of

LONGEST_RECORD = 1024 * 1024
"""In characters, of all lines of a record together: a quoted cell may span many."""

LARGEST_ORDER = 16 * 1024 * 1024
"""In characters, of the rows of one order without the repeated values of the order. Further rows are not kept."""

LONGEST_WHOLE = 20
"""Digits of a whole number."""

_YEARS = ("%Y", "%y", "%G", "%c", "%x")
_CURRENCY = r"[A-Z]{3}|[A-Z]{0,3}[$\u00a2-\u00a5\u20a0-\u20c0]|z\u0142|kr\.?|K\u010d|Ft"
_SIGNS = {
    "€": "EUR", "£": "EGP FKP GBP GIP LBP SDG SHP SSP SYP", "¥": "CNY JPY", "zł": "PLN", "Kč": "CZK", "Ft": "HUF",
    "kr": "DKK ISK NOK SEK", "₹": "INR", "₺": "TRY", "₽": "RUB", "₩": "KPW KRW", "₪": "ILS", "₴": "UAH", "₫": "VND",
    "R$": "BRL", "NT$": "TWD",
}  # fmt: skip
"""The currencies of signs. $ is one of any other currency, whose code begins with the letters before it: AU$."""

_NUMBER = re.compile(
    rf"(?:{_CURRENCY})?(-?)(?:{_CURRENCY})?(-?)([0-9](?:[0-9.,'\u2019]{{0,60}}[0-9])?)(?:{_CURRENCY})?"
)
_GROUPED = re.compile(r"[0-9]{1,60}|[0-9]{1,3}([.,'])[0-9]{3}(\1[0-9]{3})*")
_SPACE_IN_NUMBER = re.compile(r"(?<=[0-9])\s(?=[0-9])")

TextLine = tuple[int, str, ImportProblem | None]
"""The number of a line, and its text. If it is damaged, it is readable enough for the lines after it to be read."""


class ColumnMissing(Exception):
    """A converter reads a column that the header does not have."""


class Row(dict[str, str]):
    """The cells of a row by column, the line in which it starts, and its text. The methods report an invalid cell, and
    return a valid placeholder, so that the rest of the order is checked as well.
    """

    __slots__ = ("_rows", "line", "text")

    def __init__(self, cells: Iterable[tuple[str, str]], line: int, text: str, rows: "Rows") -> None:
        super().__init__(cells)
        self.line, self.text, self._rows = line, text, rows

    def __missing__(self, column: str) -> str:
        if column not in self._rows.columns:
            raise ColumnMissing(column)
        self.reject(column, "column_twice", "appears twice in the header, with different values in this row")
        self[column] = ""
        return ""

    def reject(self, column: str, code: str, message: str, *, continues: int = 0) -> None:
        """Report an error in this row: nothing will be imported."""
        self._rows.problems.append(ImportProblem(self.line, column, code, message, continues))

    def number(self, column: str) -> int:
        """Return a whole number, which may have decimal places of zero."""
        text = self[column].strip()
        if text.isdecimal() and text.isascii() and len(text) <= LONGEST_WHOLE:
            return int(text)
        value = self._decimal(column, text, "a whole number")
        if value is not None and value.denominator == 1:
            return int(value)
        if value is not None:
            self.reject(column, "unknown_value", "must be a whole number")
        return 1

    def exact(self, column: str) -> Fraction:
        """Return a number with any decimal places, such as a price that is finer than a cent."""
        return self._decimal(column, self[column].strip(), "a number, such as 99.005") or Fraction(0)

    def amount(self, column: str, currency: str) -> int:
        """Return an amount in minor units that is written in major units, such as 99.00, 1.234,56 or £99."""
        text = self[column].strip()
        value = self._decimal(column, text, "an amount in major units, such as 99.00")
        if value is None or currency not in EXPONENTS:  # the schema rejects the currency
            return 0
        if _is_of_another_currency("".join(text.split()), currency):
            self.reject(
                column,
                "unknown_value",
                f"has the sign of another currency than {currency}: correct it, or set --currency",
            )
            return 0
        minor = value * 10 ** EXPONENTS[currency]
        if minor.denominator == 1:
            return int(minor)
        self.reject(column, "invalid_amount", precision_of(currency))
        return 0

    def _decimal(self, column: str, text: str, expected: str) -> Fraction | None:
        """Return the number, which may have a currency, or None if it is invalid or ambiguous."""
        text = _SPACE_IN_NUMBER.sub("'", text.replace("\N{MINUS SIGN}", "-").removeprefix("+"))
        found = _NUMBER.fullmatch("".join(text.split()))
        digits = found[3].replace("\u2019", "'") if found else ""
        mark = self._rows.decimal or _decimal_mark(digits)
        if mark is None:
            self.reject(column, "ambiguous_number", "is ambiguous: set the decimal mark with --decimal")
            return None
        whole, _, places = digits.partition(mark)
        is_valid = _GROUPED.fullmatch(whole) and mark not in whole and (places.isdecimal() or mark not in digits)
        if found is None or not is_valid or found[1] == found[2] == "-":
            self.reject(column, "unknown_value", f"must be {expected}")
            return None
        value = Fraction(f"{re.sub('[^0-9]', '', whole)}.{places or 0}")
        return -value if found[1] or found[2] else value

    def choice(self, column: str, values: Mapping[str, str]) -> str:
        """Return our value for one of theirs."""
        if (text := self[column].strip()) in values:
            return values[text]
        self.reject(column, "unknown_value", f"must be one of {', '.join(values)}")
        return next(iter(values.values()))

    def time(self, column: str, form: str | None = None) -> str:
        """Return a date or time, written in a format of `strptime` or ISO 8601. Without an offset it is in the time
        zone of the file, UTC by default.
        """
        text = self[column].strip()
        try:
            moment = _parsed(text, form)
            if moment.tzinfo is None:
                local = moment.replace(tzinfo=self._rows.timezone)
                moment = local.astimezone(UTC)
                if moment.astimezone(self._rows.timezone).replace(tzinfo=None) != local.replace(tzinfo=None):
                    self.reject(column, "unknown_value", f"does not exist in the time zone {self._rows.timezone}")
            return in_utc(moment).isoformat()
        except (ValueError, OverflowError):
            self.reject(column, "unknown_value", f"must be a date or time in the format {form or 'ISO 8601'}")
            return "2000-01-01T00:00:00Z"


def _is_of_another_currency(text: str, currency: str) -> bool:
    """Return whether a number has the code or the sign of another currency."""
    found = re.search(_CURRENCY, text)
    if found is None:
        return False
    written = found[0].rstrip(".")
    if written.isalpha() and written.isupper():
        return written != currency
    country, sign = re.fullmatch("([A-Z]*)(.*)", written).groups()  # type: ignore[union-attr]  # it matches any text
    if written in _SIGNS or sign != "$":
        return currency not in _SIGNS.get(written, _SIGNS.get(sign, currency))
    return not currency.startswith(country) or any(currency in of_others for of_others in _SIGNS.values())


def _decimal_mark(digits: str) -> str | None:
    """Return the decimal mark, or None if it is ambiguous: 1.200 may be 1.2 or 1200."""
    marks = re.findall("[.,]", digits)
    if not marks or "'" in digits:
        return marks[-1] if marks else "."
    if len({*marks}) == 1 and len(marks) > 1:
        return "," if marks[0] == "." else "."
    whole, _, places = digits.rpartition(marks[-1])
    is_ambiguous = len(marks) == 1 and len(places) == 3 and len(whole) <= 3 and not whole.startswith("0")
    return None if is_ambiguous else str(marks[-1])


def _parsed(text: str, form: str | None) -> datetime:
    """Return the time. A name of a time zone is never dropped, as `strptime` does, and a date has a year."""
    if form is None:
        return datetime.fromisoformat(text)
    directives = form.replace("%%", "")
    if not any(year in directives for year in _YEARS):
        raise ValueError(form)
    if "%Z" not in directives:
        return datetime.strptime(text, form)  # noqa: DTZ007
    name = next((name for name in ("UTC", "GMT") if name in text), "UTC")
    return datetime.strptime(text, form.replace("%Z", name)).replace(tzinfo=UTC)


class Rows:
    """The rows of a file that are not empty. `columns` is the header, `line` the first line of the last row,
    `currency` that of the options, for a file that has none.
    `left_out` are the texts of damaged rows. A converter may set `skip`, which is called with the cells of a row: those
    for which it returns True are ignored, such as sums at the end.
    """

    def __init__(
        self,
        lines: Iterable[TextLine],
        delimiter: str,
        *,
        is_quoted: bool = True,
        decimal: str | None = None,
        timezone: tzinfo = UTC,
        currency: str = DEFAULT_CURRENCY,
        keeps_texts: bool = False,
    ) -> None:
        self.decimal, self.timezone, self.currency = decimal, timezone, currency
        self.problems: list[ImportProblem] = []
        self.left_out: list[str] = []
        self.skip: Callable[[list[str]], bool] = lambda _: False
        self.line, self._length, self._record = 1, 0, [""]
        self._keeps_texts = keeps_texts
        unquoted: Any = {} if is_quoted else {"quoting": csv.QUOTE_NONE}
        self._reader = csv.reader(self._texts(lines), delimiter=delimiter, strict=True, **unquoted)
        self.columns: list[str] = []
        self.columns = [cell.strip() for cell in next(self._read_records(), ())]
        self.twice = {column for column in self.columns if self.columns.count(column) > 1}
        self.header = self._row(())
        if not self.columns and not self.problems:  # after a problem, `columns` is not the header
            self.header.reject("", "header_missing", "the first line must contain the column names")

    def __iter__(self) -> Iterator[Row]:
        for cells in self._read_records():
            if self.skip(cells):
                continue
            row = self._row(cells)
            if len(cells) == len(self.columns):
                if self.twice:
                    self._leave_out_different(row, cells)
                yield row
            else:
                message = f"has {len(cells)} cells, but the header has {len(self.columns)}"
                row.reject("", "wrong_number_of_cells", message)
                self.left_out.append(row.text)

    def _leave_out_different(self, row: Row, cells: list[str]) -> None:
        for column in self.twice:
            if len({cell for name, cell in zip(self.columns, cells, strict=True) if name == column}) > 1:
                del row[column]

    def _row(self, cells: Iterable[str]) -> Row:
        return Row(zip(self.columns, cells, strict=False), self.line, "".join(self._record), self)

    def _read_records(self) -> Iterator[list[str]]:
        is_readable = True
        while is_readable:
            count, self._length, self._record = len(self.problems), 0, []
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells, is_readable = [], "larger" not in str(error)
                code = "malformed_csv" if is_readable else "record_too_long"
                self._row(()).reject("", code, f"is not CSV: {error}; a quote may be missing")
            if len(self.problems) > count:
                self.left_out.append("".join(self._record))
            elif any(cells):
                yield cells

    def _texts(self, lines: Iterable[TextLine]) -> Iterator[str]:
        for number, text, problem in lines:
            if self._length == 0:
                self.line = number
            if problem is not None:
                self.problems.append(problem)
            self._length += len(text)
            if self._length > LONGEST_RECORD:
                raise csv.Error(f"record larger than {LONGEST_RECORD:,} characters")
            if self._keeps_texts:
                self._record.append(text)
            yield text


def group_rows(rows: Iterable[Row], key: Callable[[Row], str], same: Sequence[str] = ()) -> Iterator[list[Row]]:
    """Yield the rows of each order: they are adjacent, and have the same key, which is not blank, and the same cells in
    the columns `same`. Rows beyond those that make an order too large are not kept.
    """
    begun: dict[str, int] = {}
    group: list[Row] = []
    current, length = "", 0
    for row in rows:
        found = normalized_ref(key(row))
        if not group or not found or found != current:
            if group:
                yield group
            group, current, length = [], found, 0
            if found and begun.setdefault(found, row.line) != row.line:
                message = f"continues the order of line {begun[found]}: all rows of an order must be adjacent"
                row.reject("", "rows_apart", message, continues=begun[found])
        for column in same if group else ():
            if row[column] != group[0][column]:
                row.reject(column, "rows_differ", f"must be the same as in line {group[0].line}")
            row[column] = group[0][column]  # share one string
        fits = length <= LARGEST_ORDER
        length += sum(len(cell) for column, cell in row.items() if not group or column not in same)
        if fits and length > LARGEST_ORDER:
            row.reject("", "order_too_large", f"makes this order exceed {LARGEST_ORDER:,} characters")
        if not group or (length <= LARGEST_ORDER and len(group) <= MAX_LINES):
            group.append(row)
    if group:
        yield group


def total_of(lines: Iterable[Mapping[str, Any]], *, shipping: int = 0, tax: int = 0, discount: int = 0) -> int:
    """Return the total of an order whose file has none: lines + shipping + tax - discount."""
    total = shipping + tax - discount
    for line in lines:
        total += line["quantity"] * line["unit_price"] - line.get("discount", 0) + line.get("tax", 0)
    return total


def priced(quantity: int, total: int) -> dict[str, int]:
    """Return `quantity`, `unit_price` and `discount` of a line whose price is given for all its units together, or for
    one with more decimal places than the currency: the price of a unit is rounded up, and the discount is the excess.
    """
    unit_price = -(-total // max(quantity, 1))
    return {"quantity": quantity, "unit_price": unit_price, "discount": unit_price * quantity - total}


def priced_exactly(quantity: int, price: Fraction, currency: str) -> dict[str, int]:
    """Return the same for the price of a unit in major units, with any decimal places. The line is rounded half up."""
    return priced(quantity, floor(quantity * price * 10 ** EXPONENTS.get(currency, 2) + Fraction(1, 2)))


def with_tax(order: dict[str, Any], tax: int) -> dict[str, Any]:
    """Return the order with the tax added, or as metadata if its prices include the tax: then its total adds up."""
    without = total_of(order["lines"], shipping=order["shipping"], discount=order["discount"])
    if tax and without == order["total"]:
        return order | {"metadata": {**order.get("metadata", {}), "tax_included": str(tax)}}
    return order | {"tax": tax}


def with_payment(
    order: dict[str, Any], row: Row, amounts: Mapping[str, int], *, paid: str, method: str = "", at: str | None = None
) -> dict[str, Any]:
    """Return the order with the payments of its row: `amounts` by kind (`captured`, `authorized`), and `refunded`.

    Their reference is the order's number. `paid` is the column of the time, in the format `at`; if it is missing or
    empty, the time is that of the order. `method` is the column of the payment method.
    """
    reference, refunded = normalized_ref(order["external_ref"]), amounts.get("refunded", 0)
    payment = {
        "reference": reference,
        "method": (row.get(method) or "").strip()[:MAX_METHOD_LENGTH] or None,
        "occurred_at": row.time(paid, at) if row.get(paid) else order["created_at"],
    }
    known = {kind: amounts.get(kind, 0) for kind in ("authorized", "captured")} if reference else {}
    if refunded and reference:
        known["captured"] = max(known["captured"], refunded)
    closed = order.get("updated_at", order["created_at"])
    refund = {"reference": reference, "amount": refunded, "status": "succeeded", "created_at": closed}
    return order | {
        "payments": [{**payment, "kind": kind, "amount": amount} for kind, amount in known.items() if amount],
        "refunds": [{**refund, "closed_at": closed}] if refunded and reference else [],
    }
