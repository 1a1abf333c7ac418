"""The formats that `export` writes and `import` reads back unchanged: JSON Lines, and CSV with a column for each field
of an order and, prefixed with `line_`, of its lines. No spreadsheet evaluates a cell of that CSV as a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.application.use_cases.export_to_document import OrderFormat
from orderkeep.entrypoints.order_files.fields import LINE_FIELDS, ORDER_FIELDS, Kind

LINE_PREFIX = "line_"
COLUMNS = (*ORDER_FIELDS, *(LINE_PREFIX + name for name in LINE_FIELDS))
"""The header of the CSV."""

GUARD = "'"
"""Prefixes a text that a spreadsheet would evaluate as a formula. To be removable, it also prefixes a text that starts
with it, and an empty text, which differs from no value.
"""

RISKY = "=+-@\t\r\n＝＋－＠" + GUARD  # noqa: RUF001  # East Asian versions of Excel evaluate the wide ones as well
_INTEGER = re.compile(r"-?[0-9]{1,20}")


def rows_of(order: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a CSV row for each line of the order; an order without lines has one row with empty line cells."""
    of_order = [_cell(order[name], kind) for name, kind in ORDER_FIELDS.items()]
    for line in order["lines"]:
        yield of_order + [_cell(line[name], kind) for name, kind in LINE_FIELDS.items()]
    if not order["lines"]:
        yield of_order + [""] * len(LINE_FIELDS)


def order_of(rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return the order in its CSV rows, for the schema. A cell that is no value of its field stays a text, which the
    schema rejects.
    """
    order = {name: _value(rows[0][name], kind) for name, kind in ORDER_FIELDS.items() if rows[0].get(name)}
    lines = [
        {
            name: _value(row[LINE_PREFIX + name], kind)
            for name, kind in LINE_FIELDS.items()
            if row.get(LINE_PREFIX + name)
        }
        for row in rows
    ]
    order["lines"] = [] if lines == [{}] else lines
    return order


def _cell(value: Any, kind: Kind) -> str:
    if value is None:
        return ""
    if kind is Kind.JSON:
        return msgspec.json.encode(value).decode()
    if kind is not Kind.TEXT:
        return str(value)
    text = str(value)
    return GUARD + text if text == "" or text[0] in RISKY else text


def _value(cell: str, kind: Kind) -> Any:
    if kind is Kind.TEXT:
        return cell.removeprefix(GUARD)
    if kind in (Kind.NUMBER, Kind.AMOUNT) and _INTEGER.fullmatch(cell):
        return int(cell)
    if kind is Kind.JSON:
        try:
            return read_json(cell.encode())
        except InvalidJSON:
            return cell
    return cell


def _csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


FORMATS = {
    "jsonl": OrderFormat("application/jsonl", b"", lambda json: json + b"\n"),
    "csv": OrderFormat("text/csv", _csv_bytes([COLUMNS]), lambda json: _csv_bytes(rows_of(msgspec.json.decode(json)))),
}
"""By name, which is also the file extension."""
