"""The CSV that `export --excel` writes, for people: amounts in major units with a decimal comma, times in UTC to the
second. Fields that are themselves objects, such as payments, are left out. `import` rejects it.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from orderkeep.application.use_cases.export_to_document import OrderFormat
from orderkeep.domain.value_objects import in_major_units
from orderkeep.entrypoints.order_files.formats import (
    LINE_FIELDS,
    LINE_PREFIX,
    ORDER_FIELDS,
    PERSONAL_COLUMNS,
    SPREADSHEET_TIME,
    csv_bytes,
    personal_cells,
    text_cell,
)

PLAIN = (str, int, bool, datetime)
FIELDS = {name: kind for name, kind in ORDER_FIELDS.items() if kind in PLAIN or name in ("tags", "metadata")}
del FIELDS["personal_data"]  # a digest
AMOUNTS = {name for name, kind in FIELDS.items() if kind is int and name != "version"}
LINE_AMOUNTS = {"unit_price", "discount", "tax"}
ORDER_COLUMNS = tuple(f"{name}{SPREADSHEET_TIME}" if kind is datetime else name for name, kind in FIELDS.items())


def for_excel(*, summary: bool) -> OrderFormat:
    """Return the format: one row per order line, or per order with `summary`. It has a byte order mark and semicolons,
    so that Excel opens it with a double click in languages with a decimal comma.
    """
    line_columns = () if summary else tuple(LINE_PREFIX + name for name in LINE_FIELDS)
    columns = (*ORDER_COLUMNS, *line_columns, *PERSONAL_COLUMNS)

    def encode(json: bytes) -> bytes:
        order = msgspec.json.decode(json)
        return csv_bytes([_order_cells(order) + personal_cells(order)] if summary else _rows_of(order), ";")

    return OrderFormat("text/csv", BOM_UTF8 + csv_bytes([columns], ";"), encode)


def _rows_of(order: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a row for each line. The amounts of the order are only in its first row, so that a column adds up."""
    currency = order["currency"]
    personal = personal_cells(order)
    for number, line in enumerate(order["lines"] or [{}]):
        amounts = dict.fromkeys(AMOUNTS) if number else {}
        of_line = [_cell(line.get(name), currency if name in LINE_AMOUNTS else "") for name in LINE_FIELDS]
        yield _order_cells(order | amounts) + of_line + personal
        personal = [""] * len(PERSONAL_COLUMNS)


def _order_cells(order: dict[str, Any]) -> list[str]:
    currency = order["currency"]
    cells = []
    for name, kind in FIELDS.items():
        value = order[name]
        if kind is datetime and value:
            value = value[:19].replace("T", " ")
        cells.append(_cell(value, currency if name in AMOUNTS else ""))
    return cells


def _cell(value: Any, currency: str) -> str:
    """Return a cell; of an amount, if there is a currency."""
    if value in (None, [], {}):
        return ""
    match value:
        case int() if currency:
            return str(in_major_units(value, currency)).replace(".", ",")
        case dict():
            return text_cell("; ".join(f"{key}: {each}" for key, each in value.items()))
        case list():
            return text_cell(", ".join(value))
        case bool():
            return str(value).upper()
    return text_cell(value) if isinstance(value, str) else str(value)
