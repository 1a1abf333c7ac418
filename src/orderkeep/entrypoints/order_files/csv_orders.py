"""Orders from a CSV file (RFC 4180) with one row per order line: the rows of an order are adjacent, and have the same
values in the columns of the order. An error is reported with its line, and reading continues after it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orderkeep.application.use_cases.import_orders import ImportProblem, ImportRow
from orderkeep.domain.limits import MAX_LINES
from orderkeep.entrypoints.order_files.lines import LONGEST_LINE, Fault, TextLine, import_row

LONGEST_RECORD = LONGEST_LINE
"""In characters, of all lines of a record together: a quoted cell may span many."""

CSV_ERRORS = (
    ("unexpected end of data", "opens a quoted cell that is never closed", True),
    ("record larger than", f"exceeds {LONGEST_RECORD:,} characters: a closing quote may be missing", True),
    ("field larger than", "has a cell of more than 131,072 characters: a closing quote may be missing", True),
    ("new-line character", "has a carriage return outside of quotes", False),
    ("expected after", "has text after the closing quote of a cell", False),
)
"""Part of a message of the csv module, our message, and whether the rest of the file is unreadable."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `cells` is None if the record is malformed."""

    line: int
    cells: list[str] | None
    problems: tuple[ImportProblem, ...] = ()


def read_records(lines: Iterator[TextLine], delimiter: str) -> Iterator[Record]:
    """Yield the records that are not empty."""
    taken: list[TextLine] = []
    reader = csv.reader(_texts(lines, taken), delimiter=delimiter, strict=True)
    while True:
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message, is_last = _translated(str(error))
            number = taken[0].number
            yield Record(number, None, (*_problems(taken), ImportProblem(number, "", "malformed_csv", message)))
            if is_last:
                return
            continue
        problems = _problems(taken)
        if problems or any(cells):
            yield Record(taken[0].number, None if problems else cells, problems)


def _texts(lines: Iterable[TextLine], taken: list[TextLine]) -> Iterator[str]:
    length = 0
    for line in lines:
        taken.append(line)
        length = len(line.text) + (length if len(taken) > 1 else 0)
        if length > LONGEST_RECORD:
            raise csv.Error("record larger than the limit")
        yield line.text


def _problems(lines: Iterable[TextLine]) -> tuple[ImportProblem, ...]:
    return tuple(line.problem for line in lines if line.problem is not None)


def _translated(text: str) -> tuple[str, bool]:
    for theirs, ours, is_last in CSV_ERRORS:
        if theirs in text:
            return ours, is_last
    return "is not CSV", True


# --- orders ---


LARGEST_ORDER = 16 * 1024 * 1024
"""In characters, of the rows of one order without the repeated values of the order. Further rows are not kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line in which it starts, and its cells by column."""

    line: int
    cells: dict[str, str]


class Layout(Protocol):
    """The meaning of the columns of a file."""

    delimiter: str

    def check_header(self, columns: Sequence[str]) -> list[Fault]:
        """Return the errors in the header, with the column as the field."""

    def key_of(self, row: Row) -> str:
        """Return the number or id that identifies the order of this row, or ""."""

    def order_columns(self) -> Iterable[str]:
        """Return the columns of the order as a whole, which must be equal in all of its rows."""

    def read(self, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Fault]]:
        """Return the order in these rows, for the schema, and the values that could not be read."""


@dataclass(slots=True)
class _Group:
    """The rows of one order. `damaged` means that a malformed row may belong to it."""

    key: str
    line: int
    damaged: bool
    length: int = 0
    rows: list[Row] = field(default_factory=list)
    problems: list[ImportProblem] = field(default_factory=list)


def read_csv_orders(records: Iterator[Record], layout: Layout) -> Iterator[ImportRow]:
    """Yield the orders in a CSV file, and all errors in it."""
    header = next(records, None)
    if header is None:
        yield ImportRow(
            1, None, (ImportProblem(1, "", "header_missing", "the first line must contain the column names"),)
        )
        return
    problems = list(header.problems)
    columns = [cell.strip() for cell in header.cells or ()]
    if not problems:
        problems += [ImportProblem(header.line, *fault) for fault in _header_faults(columns, layout)]
    if problems:
        yield ImportRow(header.line, None, tuple(problems))
        return
    for group in _groups(records, columns, layout):
        yield _order_of(group, layout)


def _header_faults(columns: list[str], layout: Layout) -> list[Fault]:
    twice = sorted({column for column in columns if columns.count(column) > 1})
    faults = [Fault(column, "column_twice", "appears twice in the header") for column in twice]
    return faults + layout.check_header(columns)


def _groups(records: Iterator[Record], columns: list[str], layout: Layout) -> Iterator[_Group]:
    begun: dict[str, int] = {}
    shared = tuple(name for name in dict.fromkeys(layout.order_columns()) if name in columns)
    group, damaged = None, False
    for record in records:
        row = _row(record, columns)
        if not isinstance(row, Row):
            damaged = True
            if group is None:
                group = _Group("", record.line, damaged)
            group.damaged = True
            group.problems += row
            continue
        key = layout.key_of(row)
        if group is None or not key or key != group.key:
            if group is not None:
                yield group
            group = _Group(key, row.line, damaged)
            _check_adjacent(group, begun)
        damaged = False
        _add(row, group, shared)
    if group is not None:
        yield group


def _row(record: Record, columns: list[str]) -> Row | Sequence[ImportProblem]:
    if record.cells is None:
        return record.problems
    if len(record.cells) != len(columns):
        message = f"has {len(record.cells)} cells, but the header has {len(columns)}"
        return [ImportProblem(record.line, "", "wrong_number_of_cells", message)]
    return Row(record.line, dict(zip(columns, record.cells, strict=True)))


def _check_adjacent(group: _Group, begun: dict[str, int]) -> None:
    if group.key in begun:
        message = f"continues the order of line {begun[group.key]}: all rows of an order must be adjacent"
        group.problems.append(ImportProblem(group.line, "", "rows_apart", message))
    if group.key:
        begun.setdefault(group.key, group.line)


def _add(row: Row, group: _Group, shared: tuple[str, ...]) -> None:
    if group.rows:
        first = group.rows[0]
        for column in shared:
            if row.cells[column] != first.cells[column]:
                message = f"must be the same as in line {first.line}, where this order starts"
                group.problems.append(ImportProblem(row.line, column, "rows_differ", message))
            else:
                row.cells[column] = first.cells[column]  # share one string
    fits = group.length <= LARGEST_ORDER
    group.length += sum(len(cell) for column, cell in row.cells.items() if not group.rows or column not in shared)
    if fits and group.length > LARGEST_ORDER:
        message = f"makes this order exceed {LARGEST_ORDER:,} characters"
        group.problems.append(ImportProblem(row.line, "", "order_too_large", message))
    if group.length <= LARGEST_ORDER and len(group.rows) <= MAX_LINES:
        group.rows.append(row)


def _order_of(group: _Group, layout: Layout) -> ImportRow:
    if not group.rows:
        return ImportRow(group.line, None, tuple(group.problems))
    data, faults = layout.read(group.rows)
    row = import_row(data, faults, [row.line for row in group.rows])
    problems = (*group.problems, *row.problems)
    return ImportRow(group.line, None if problems or group.damaged else row.order, problems)
