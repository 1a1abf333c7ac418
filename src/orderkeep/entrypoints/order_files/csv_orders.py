"""Orders from a CSV file with one row per order line: rows of one order stand together and agree about the order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orderkeep.application.use_cases import ImportProblem, ImportRow
from orderkeep.domain.limits import MAX_LINES
from orderkeep.entrypoints.order_files.csv_records import Record
from orderkeep.entrypoints.order_files.imported import Fault, import_row

LARGEST_ORDER = 16 * 1024 * 1024
"""In characters: what the rows of one order hold, but for what they all say alike. Rows past it are told, not kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line it begins in, and its cells by their columns."""

    line: int
    cells: dict[str, str]


class Layout(Protocol):
    """What the columns of a file mean."""

    delimiter: str

    def check_header(self, columns: Sequence[str]) -> list[Fault]:
        """Return what is wrong with the header, with the column as the field."""

    def key_of(self, row: Row) -> str:
        """Return what tells the order of this row from others; "" where the row does not say."""

    def order_columns(self) -> Iterable[str]:
        """Return the columns that speak of the whole order, and so are equal in all of its rows."""

    def read(self, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Fault]]:
        """Return the order in these rows as the schema takes it, and what could not be read."""


@dataclass(slots=True)
class _Group:
    """The rows of one order. `damaged`: a row that may belong to it could not be read."""

    key: str
    line: int
    damaged: bool
    length: int = 0
    rows: list[Row] = field(default_factory=list)
    problems: list[ImportProblem] = field(default_factory=list)


def read_csv_orders(records: Iterator[Record], layout: Layout) -> Iterator[ImportRow]:
    """Yield the orders in a CSV file, and all that is wrong with it, by line."""
    header = next(records, None)
    if header is None:
        yield ImportRow(1, None, (ImportProblem(1, "", "header_missing", "must be the names of the columns"),))
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
    faults = [Fault(column, "column_twice", "stands in the header twice") for column in twice]
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
            _note_if_apart(group, begun)
        damaged = False
        _add(row, group, shared)
    if group is not None:
        yield group


def _row(record: Record, columns: list[str]) -> Row | Sequence[ImportProblem]:
    if record.cells is None:
        return record.problems
    if len(record.cells) != len(columns):
        message = f"has {len(record.cells)} cells, and the header {len(columns)}"
        return [ImportProblem(record.line, "", "wrong_number_of_cells", message)]
    return Row(record.line, dict(zip(columns, record.cells, strict=True)))


def _note_if_apart(group: _Group, begun: dict[str, int]) -> None:
    if group.key in begun:
        message = f"continues the order of line {begun[group.key]}: the rows of an order must stand together"
        group.problems.append(ImportProblem(group.line, "", "rows_apart", message))
    if group.key:
        begun.setdefault(group.key, group.line)


def _add(row: Row, group: _Group, shared: tuple[str, ...]) -> None:
    if group.rows:
        first = group.rows[0]
        for column in shared:
            if row.cells[column] != first.cells[column]:
                message = f"must be as in line {first.line}, where the same order begins"
                group.problems.append(ImportProblem(row.line, column, "rows_differ", message))
            else:
                row.cells[column] = first.cells[column]  # the one text, kept once
    fits = group.length <= LARGEST_ORDER
    group.length += sum(len(cell) for column, cell in row.cells.items() if not group.rows or column not in shared)
    if fits and group.length > LARGEST_ORDER:
        message = f"takes the rows of its order past {LARGEST_ORDER:,} characters"
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
