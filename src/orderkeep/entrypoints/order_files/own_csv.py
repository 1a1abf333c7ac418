"""Orderkeep's own CSV: a column for each field of the order and, behind `line_`, of its lines. What is written here is
read back exactly, and no spreadsheet runs a cell of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from orderkeep.application.strict_json import InvalidJSON, read_json
from orderkeep.entrypoints.order_files.fields import LINE_FIELDS, ORDER_FIELDS, Kind

LINE_PREFIX = "line_"
COLUMNS = (*ORDER_FIELDS, *(LINE_PREFIX + name for name in LINE_FIELDS))
"""The header, in its order."""

GUARD = "'"
"""Before a text that a spreadsheet would run as a formula; and, so that it can be taken away again, before one that
begins with it, or is empty where nothing at all would be another thing.
"""

RISKY = "=+-@\t\r\n＝＋－＠" + GUARD  # noqa: RUF001  # East Asian versions of Excel run the wide ones as well
_INTEGER = re.compile(r"-?[0-9]{1,20}")


def rows_of(order: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the rows of an order: one a line, or one with the cells of a line empty where it has none."""
    of_order = [_cell(order[name], kind) for name, kind in ORDER_FIELDS.items()]
    for line in order["lines"]:
        yield of_order + [_cell(line[name], kind) for name, kind in LINE_FIELDS.items()]
    if not order["lines"]:
        yield of_order + [""] * len(LINE_FIELDS)


def order_in(rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return the order in rows that belong together, as the schema takes it. What is no value of its field is left
    as text, for the schema to refuse.
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
