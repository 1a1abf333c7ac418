"""The formats that `export` writes and `import` reads back unchanged: JSON Lines, and CSV with a column for each field
of an order and, prefixed with `line_`, of its lines. No spreadsheet evaluates a cell of that CSV as a formula.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec

from orderkeep.application.dtos import LineDTO, OrderDTO
from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.application.use_cases.export_to_document import OrderFormat
from orderkeep.domain.personal_data import Address, Customer
from orderkeep.entrypoints.import_records import ImportedOrder
from orderkeep.entrypoints.order_files.reading import Converted
from orderkeep.entrypoints.order_files.rows import Row, Rows, group_rows


def _types(dto: type) -> dict[str, Any]:
    """Return the type of each field, for an optional one that of its value."""
    hints = get_type_hints(dto)
    return {name: get_args(hint)[0] if isinstance(hint, UnionType) else hint for name, hint in hints.items()}


PARTS = {"customer": Customer, "shipping_address": Address, "billing_address": Address}
LINE_FIELDS = _types(LineDTO)
ORDER_FIELDS = {name: kind for name, kind in _types(OrderDTO).items() if name != "lines"}
LINE_PREFIX = "line_"
PERSONAL_COLUMNS = {
    f"{part.removesuffix('_address')}_{name}": (part, name) for part, kind in PARTS.items() for name in _types(kind)
}
"""The columns of personal data, such as `shipping_city`, with part and field. Only the first row of an order has it."""

COLUMNS = (*ORDER_FIELDS, *(LINE_PREFIX + name for name in LINE_FIELDS), *PERSONAL_COLUMNS)
"""The header of the CSV."""

SPREADSHEET_TIME = "_utc"
"""Ends the columns of times that `export --excel` writes, so that `import` recognizes them."""

GUARD = "'"
"""Prefixes a text that a spreadsheet would evaluate as a formula. To be removable, it also prefixes a text that starts
with it, and an empty text, which differs from no value.
"""

RISKY = "=+-@\t\r\n＝＋－＠" + GUARD  # noqa: RUF001  # East Asian versions of Excel evaluate the wide ones as well
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_WITHOUT_OFFSET = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?", re.ASCII)
"""A date, or a time in the time zone of the file."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def rows_of(order: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a CSV row for each line of the order; an order without lines has one row with empty line cells."""
    of_order = [_cell(order[name], kind) for name, kind in ORDER_FIELDS.items()]
    personal = personal_cells(order)
    for line in order["lines"] or [{}]:
        yield of_order + [_cell(line.get(name), kind) for name, kind in LINE_FIELDS.items()] + personal
        personal = [""] * len(PERSONAL_COLUMNS)


def personal_cells(order: dict[str, Any]) -> list[str]:
    """Return the cells of the personal data of an order, which may have none."""
    return [_cell((order.get(part) or {}).get(name), str) for part, name in PERSONAL_COLUMNS.values()]


def convert(rows: Rows) -> Iterator[Converted]:
    """Convert the CSV that `export` writes. Columns of optional fields may be missing."""
    if f"created_at{SPREADSHEET_TIME}" in rows.columns:
        message = "this file is for spreadsheets: to import the orders, export them without --excel"
        rows.header.reject("", "spreadsheet", message)
        return
    required = [name for name, field in ImportedOrder.model_fields.items() if field.is_required()]
    if missing := [name for name in required if name not in rows.columns]:
        rows.header.reject(_listed(missing), "column_missing", f"{_be(missing)} required in the header")
    if unknown := [name for name in rows.columns if name not in COLUMNS]:
        message = f"{_be(unknown)} not in this format: use --from auto for the file of a shop, or --from a converter"
        rows.header.reject(_listed(unknown), "column_unknown", message)
    for name in sorted(rows.twice):
        rows.header.reject(name, "column_twice", "appears twice in the header")
    if rows.problems:
        return
    same = [name for name in ORDER_FIELDS if name in rows.columns]
    for order in group_rows(rows, lambda row: row.get("id") or row.get("external_ref") or "", same):
        lines = [_values(row, LINE_FIELDS, LINE_PREFIX) for row in order]
        yield order, {**_values(order[0], ORDER_FIELDS), **_personal(order), "lines": lines if any(lines) else []}


def _personal(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Return the personal data of the first row, which further rows may repeat."""
    parts: dict[str, dict[str, str]] = {}
    for column, (part, name) in PERSONAL_COLUMNS.items():
        if cell := rows[0].get(column):
            parts.setdefault(part, {})[name] = cell.removeprefix(GUARD)
        for row in rows[1:]:
            if row.get(column) and row[column] != cell:
                row.reject(column, "rows_differ", f"must be the same as in line {rows[0].line}, or empty")
    return parts


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _values(row: Row, kinds: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values = {name: _value(cell, kind) for name, kind in kinds.items() if (cell := row.get(prefix + name))}
    for name, value in values.items():
        if kinds[name] is datetime and _WITHOUT_OFFSET.fullmatch(value):
            values[name] = row.time(name)
        elif kinds[name] is datetime and not _DAY.match(value):
            message = "must be a date or a time such as 2026-11-22 or 2026-11-22T10:00:00Z"
            row.reject(name, "invalid_time", message)
            values[name] = "2000-01-01T00:00:00Z"
    return values


def _cell(value: Any, kind: Any) -> str:
    if value is None:
        return ""
    if kind is str:
        return text_cell(str(value))
    return str(value) if kind in (int, datetime) else msgspec.json.encode(value).decode()


def _value(cell: str, kind: Any) -> Any:
    if kind is str:
        return cell.removeprefix(GUARD)
    if kind is int and _INTEGER.fullmatch(cell):
        return int(cell)
    if kind not in (int, datetime):
        with suppress(InvalidJSON):
            return read_json(cell.encode())
    return cell  # the schema rejects it, except a time


def text_cell(text: str) -> str:
    """Return a text with the prefix that it needs."""
    return GUARD + text if text == "" or text[0] in RISKY else text


def csv_bytes(rows: Iterable[Sequence[str]], delimiter: str = ",") -> bytes:
    """Return the rows as lines of a CSV in UTF-8."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


FORMATS = {
    "jsonl": OrderFormat("application/jsonl", b"", lambda json: json + b"\n"),
    "csv": OrderFormat("text/csv", csv_bytes([COLUMNS]), lambda json: csv_bytes(rows_of(msgspec.json.decode(json)))),
}
"""By name, which is also the file extension."""
