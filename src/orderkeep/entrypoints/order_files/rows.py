"""The rows of a CSV file (RFC 4180), and what converters need to make orders of them. Errors do not end the reading."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from orderkeep.application.ids import normalized_ref
from orderkeep.application.use_cases.import_orders import ImportProblem
from orderkeep.domain.exceptions import InvalidInput
from orderkeep.domain.limits import MAX_LINES
from orderkeep.domain.value_objects import EXPONENTS, Money, in_utc

LONGEST_RECORD = 1024 * 1024
"""In characters, of all lines of a record together: a quoted cell may span many."""

LARGEST_ORDER = 16 * 1024 * 1024
"""In characters, of the rows of one order without the repeated values of the order. Further rows are not kept."""

_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")

TextLine = tuple[int, str, ImportProblem | None]
"""The number of a line, and its text. If it is damaged, it is readable enough for the lines after it to be read."""


class ColumnMissing(Exception):
    """A converter reads a column that the header does not have."""


class Row(dict[str, str]):
    """The cells of a row by column, the line in which it starts, and its text. The methods report an invalid cell, and
    return a valid placeholder, so that the rest of the order is checked as well.
    """

    __slots__ = ("_problems", "line", "text")

    def __init__(self, cells: Iterable[tuple[str, str]], line: int, text: str, problems: list[ImportProblem]) -> None:
        super().__init__(cells)
        self.line, self.text, self._problems = line, text, problems

    def __missing__(self, column: str) -> str:
        raise ColumnMissing(column)

    def reject(self, column: str, code: str, message: str) -> None:
        """Report an error in this row: nothing will be imported."""
        self._problems.append(ImportProblem(self.line, column, code, message))

    def number(self, column: str) -> int:
        """Return a whole number."""
        if _WHOLE.fullmatch(text := self[column].strip()):
            return int(text)
        self.reject(column, "unknown_value", "must be a whole number")
        return 1

    def amount(self, column: str, currency: str) -> int:
        """Return an amount in minor units that is written in major units, such as 99.00."""
        text = self[column].strip()
        if not _DECIMAL.fullmatch(text):
            self.reject(column, "unknown_value", "must be an amount in major units, such as 99.00")
        elif currency in EXPONENTS:  # otherwise the schema rejects the currency
            try:
                return Money.of(text, currency).minor
            except InvalidInput as error:
                self.reject(column, error.code, str(error))
        return 0

    def choice(self, column: str, values: Mapping[str, str]) -> str:
        """Return our value for one of theirs."""
        if (text := self[column].strip()) in values:
            return values[text]
        self.reject(column, "unknown_value", f"must be one of {', '.join(values)}")
        return next(iter(values.values()))

    def time(self, column: str, form: str | None = None) -> str:
        """Return a date or time, written in a format of `strptime` or ISO 8601; without an offset it is UTC."""
        text = self[column].strip()
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
            return in_utc(moment).isoformat()
        except (ValueError, OverflowError):
            self.reject(column, "unknown_value", f"must be a date or time in the format {form or 'ISO 8601'}")
            return "2000-01-01T00:00:00Z"


class Rows:
    """The rows of a file that are not empty. `columns` is the header, `line` the first line of the last row.
    `left_out` are the texts of damaged rows.
    """

    def __init__(self, lines: Iterable[TextLine], delimiter: str, *, keeps_texts: bool = False) -> None:
        self.problems: list[ImportProblem] = []
        self.left_out: list[str] = []
        self.line, self._length, self._record = 1, 0, [""]
        self._keeps_texts = keeps_texts
        self._reader = csv.reader(self._texts(lines), delimiter=delimiter, strict=True)
        self.columns: list[str] = []
        self.columns = [cell.strip() for cell in next(self._read_records(), ())]
        self.header = self._row(())
        if self.problems:
            return  # the first record is damaged: `columns` is not the header
        if not self.columns:
            self.header.reject("", "header_missing", "the first line must contain the column names")
        for column in sorted({column for column in self.columns if self.columns.count(column) > 1}):
            self.header.reject(column, "column_twice", "appears twice in the header")

    def __iter__(self) -> Iterator[Row]:
        for cells in self._read_records():
            row = self._row(cells)
            if len(cells) == len(self.columns):
                yield row
            else:
                message = f"has {len(cells)} cells, but the header has {len(self.columns)}"
                row.reject("", "wrong_number_of_cells", message)
                self.left_out.append(row.text)

    def _row(self, cells: Iterable[str]) -> Row:
        return Row(zip(self.columns, cells, strict=False), self.line, "".join(self._record), self.problems)

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
                row.reject("", "rows_apart", message)
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
