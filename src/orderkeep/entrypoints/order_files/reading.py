"""Reads the orders in a file for the importer: JSON Lines, or CSV with a layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any

from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.application.use_cases.import_orders import ImportProblem, ImportRow
from orderkeep.entrypoints.order_files import formats
from orderkeep.entrypoints.order_files.csv_orders import Layout, Row, read_csv_orders, read_records
from orderkeep.entrypoints.order_files.fields import ORDER_FIELDS
from orderkeep.entrypoints.order_files.lines import Fault, TextLine, import_row, read_text_lines
from orderkeep.entrypoints.order_files.maps import OWN, MappedLayout, load_map
from orderkeep.entrypoints.schemas import ImportedOrder

OpenFile = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens the file at its beginning; called twice, to check and to write."""

BLANK = " \t\r\n"
"""The whitespace of JSON (RFC 8259, 2); `strip` without it would remove more."""


def order_reader(
    open_file: OpenFile, layout: Layout | None, on_bytes: Callable[[int], object]
) -> Callable[[], Iterator[ImportRow]]:
    """Return a function that reads the orders of a file, from its beginning at each call: CSV with the layout, or JSON
    Lines without one. `on_bytes` gets the number of bytes read.
    """

    def read() -> Iterator[ImportRow]:
        with open_file() as file:
            lines = read_text_lines(file, on_bytes)
            if layout is None:
                yield from _read_json_lines(lines)
            else:
                yield from read_csv_orders(read_records(lines, layout.delimiter), layout)

    return read


def layout_of(map_name: str) -> Layout:
    """Return the layout of a CSV file by the name of its map. Raises `InvalidMap`."""
    return OwnLayout() if map_name == OWN else MappedLayout(load_map(map_name))


def _read_json_lines(lines: Iterator[TextLine]) -> Iterator[ImportRow]:
    for line in lines:
        if line.problem is not None:
            yield ImportRow(line.number, None, (line.problem,))
        elif line.text.strip(BLANK):
            yield _order_of(line)


def _order_of(line: TextLine) -> ImportRow:
    try:
        data = read_json(line.text.strip(BLANK).encode())
    except InvalidJSON as error:
        message = str(error).replace("line 1, ", "")  # the problem has the line of the file
        return ImportRow(line.number, None, (ImportProblem(line.number, "", error.code, message),))
    return import_row(data, (), [line.number])


class OwnLayout:
    """The CSV that `export` writes. Columns of optional fields may be missing."""

    delimiter = ","

    def check_header(self, columns: Sequence[str]) -> list[Fault]:
        required = [name for name, field in ImportedOrder.model_fields.items() if field.is_required()]
        missing = [
            Fault(name, "column_missing", "is required in the header") for name in required if name not in columns
        ]
        unknown = [name for name in columns if name not in formats.COLUMNS]
        message = "is not a column of this map: select another map with --map"
        return missing + [Fault(name, "column_unknown", message) for name in unknown]

    def key_of(self, row: Row) -> str:
        return row.cells.get("id") or row.cells.get("external_ref") or ""

    def order_columns(self) -> Iterable[str]:
        return ORDER_FIELDS

    def read(self, rows: Sequence[Row]) -> tuple[dict[str, Any], list[Fault]]:
        return formats.order_of([row.cells for row in rows]), []
