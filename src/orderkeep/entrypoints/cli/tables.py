"""Tables of orders and of rows on a terminal. Amounts are in major units."""

import re
import sys
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from orderkeep.domain.payments import Balance
from orderkeep.domain.returns import ReturnState, ReturnStatus
from orderkeep.domain.value_objects import Money, in_major_units
from orderkeep.entrypoints.amounts import outstanding
from orderkeep.entrypoints.cli.plain_text import plain

# rich is imported inside the functions that use it: it takes longer than everything else of a call in a pipe.

DOCUMENT_COLUMNS = ("kind", "order_version", "media_type", "size", "created_at", "id")

COLOURS = {
    "pending": "yellow",
    "processing": "cyan",
    "shipped": "blue",
    "delivered": "green",
    "cancelled": "red",
    "active": "green",
    "expired": "yellow",
    "revoked": "red",
}

COLUMN_GAP = 2
FOLDED_WIDTH = 22
"""A column of a table that is wider may be folded to this width; ids are never folded."""

AMOUNTS = {
    "outstanding",
    "discount",
    "shipping",
    "tax",
    "total",
    "unit_price",
    "amount",
    "suggested_refund",
    *Balance._fields,
}
IF_ANY = {"discount", "tax", "cancelled", "shipped", "delivered", "returned"}
"""Columns of lines that are shown only if one of the lines has such an amount or such units."""

FIRST_BELOW = ("tax", "discount", "sku", "tracking url", "note", "closed at", "created at", "unit price", "reason")
"""Columns of the parts of an order that are printed below each row, in this order, if the table is too wide."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECONDS = re.compile(r"(?<=^[0-9-]{10} [0-9:]{5}):[0-9]{2}(?=(Z|[+-][0-9:]{5})$)")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?Z")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a table gives up first if it does not fit the terminal: whole IDs unless `whole_ids`, then the columns
    `omitted` in this order, then those on the right. `omitted` may contain `id`, which is kept unless each row has a
    cell in the column `instead_of_id`. What `below` contains of these is printed below each row.
    """

    whole_ids: bool = False
    omitted: tuple[str, ...] = ()
    instead_of_id: str = ""
    below: Container[str] = ()


class _Everything:
    def __contains__(self, name: object) -> bool:
        return True


EVERYTHING = _Everything()
PLAIN_LAYOUT = Layout()
PART_LAYOUT = Layout(omitted=FIRST_BELOW, below=EVERYTHING)


def text_of(value: object) -> str:
    """Return a value as text for programs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else plain(value)


def print_rows(
    columns: tuple[str, ...],
    rows: Iterable[Iterable[object]],
    layout: Layout = PLAIN_LAYOUT,
    zone: ZoneInfo | None = None,
) -> None:
    """Print a table without its empty columns, with numbers and amounts aligned right; nothing if there are no rows.
    If it does not fit the terminal, IDs and times are shortened, then columns are omitted, those of the layout first
    and then from the right, and printed below each row or named below the table.
    """
    from rich.padding import Padding
    from rich.text import Text

    console = _console()
    shown = {
        _spaced(name): column
        for name, column in zip(columns, zip(*rows, strict=True), strict=False)
        if any(map(_cell, column))
    }
    if not shown:
        return
    cells = {name: [_cell(value, zone) for value in column] for name, column in shown.items()}
    if not _fits(cells, console.width):
        cells = {name: _shortened(name, texts, layout.whole_ids) for name, texts in cells.items()}
    removed = _fit(cells, layout, console.width)
    below = _texts_below({name: texts for name, texts in removed.items() if name in layout.below})
    omitted = ", ".join(name for name in shown if name in removed and name not in layout.below)
    tables = [_table(header_style="bold", show_header=number == 0) for number in range(max(len(below), 1))]
    for name, texts in cells.items():
        is_number = all(isinstance(value, int | Decimal | Money) for value in shown[name])
        widths = {"width": _width(name, texts)} if below else {"min_width": _width(name, texts)}
        for table in tables:
            table.add_column(name, justify="right" if is_number else "left", overflow="fold", **widths)
    for number, row in enumerate(zip(*cells.values(), strict=True)):
        tables[min(number, len(tables) - 1)].add_row(*map(_coloured, row))
    for table, text in zip_longest(tables, below, fillvalue=""):
        console.print(table)
        if text:
            console.print(Padding(Text(text), (0, 0, 0, 2 * COLUMN_GAP)))
    if omitted:
        console.print(Text(f"(not shown: {omitted}; widen the window, or use --json)", style="dim"))


def _fit(cells: dict[str, list[str]], layout: Layout, width: int) -> dict[str, list[str]]:
    """Remove columns until the others fit, and return them."""
    has_substitutes = all(cells.get(layout.instead_of_id, [""]))
    removable = [name for name in layout.omitted if name in cells and (name != "id" or has_substitutes)]
    removed = {}
    while len(cells) > 1 and not _fits(cells, width):
        name = removable.pop(0) if removable else [*cells][-1]
        removed[name] = cells.pop(name)
    return removed


def _texts_below(columns: dict[str, list[str]]) -> list[str]:
    """Return the text below each row; of several columns, with their names."""
    if len(columns) == 1 and "details" in columns:
        return columns["details"]
    rows = zip(*columns.values(), strict=True)
    return ["; ".join(f"{name} {text}" for name, text in zip(columns, row, strict=True) if text) for row in rows]


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _fits(cells: dict[str, list[str]], width: int) -> bool:
    return sum(_width(*column) + COLUMN_GAP for column in cells.items()) - COLUMN_GAP <= width


def _width(name: str, texts: list[str]) -> int:
    from rich.cells import cell_len

    widest = max(map(cell_len, (name, *texts)))
    return widest if name == "id" else min(widest, FOLDED_WIDTH)


def _shortened(name: str, texts: list[str], whole_ids: bool) -> list[str]:
    """Return a column with times to the minute, or with UUIDs as IDs cut to 8 characters if these differ."""
    if whole_ids or name != "id":
        return [_SECONDS.sub("", text) for text in texts]
    short = [text[:8] if _UUID.fullmatch(text) else text for text in texts]
    return short if len({*short}) == len({*texts}) else texts


def print_facts(facts: Iterable[tuple[str, object]], zone: ZoneInfo | None = None) -> None:
    """Print a table of names and values."""
    table = _table(show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(_spaced(name), _coloured(_cell(value, zone)))
    _console().print(table)


def print_order(order: dict[str, Any], zone: ZoneInfo | None = None) -> None:
    """Print an order: its fields that are not empty, and its lists of objects, such as lines, as tables with titles.
    Amounts are in major units.
    """
    from rich.text import Text

    order = {**order, "outstanding": outstanding(order)}
    if order.get("current_total") == order["total"]:
        order["current_total"] = 0
    if order.get("return_status") == ReturnStatus.NONE:
        del order["return_status"]
    shown = {name: value for name, value in order.items() if value not in (None, [], {}, 0)}
    shown.pop("personal_data", None)  # a digest
    currency = shown.pop("currency")
    lists = {name: value for name, value in shown.items() if isinstance(value, list) and isinstance(value[0], dict)}
    facts = {name: value for name, value in shown.items() if name not in lists}
    amounts = {name: f"{in_major_units(facts[name], currency)} {currency}" for name in AMOUNTS & facts.keys()}
    print_facts((facts | amounts).items(), zone)
    for name, items in lists.items():
        columns = DOCUMENT_COLUMNS if name == "documents" else tuple(items[0])
        columns = tuple(each for each in columns if each not in IF_ANY or any(item[each] for item in items))
        if name != "documents":
            columns = tuple(sorted(columns, key=lambda column: column != "id"))  # first, because commands need it
        rows = [item | {name: in_major_units(item[name], currency) for name in AMOUNTS & item.keys()} for item in items]
        title = f"{name.capitalize()} ({currency})" if AMOUNTS & {*columns} else name.capitalize()
        _console().print(Text(f"\n{_spaced(title)}", style="bold"))
        print_rows(columns, ([_part_cell(row, column) for column in columns] for row in rows), PART_LAYOUT, zone)


def _part_cell(row: dict[str, Any], column: str) -> object:
    """Return a cell of a part of an order. No refund is suggested for a return that has not been received."""
    return None if column == "suggested_refund" and row["status"] != ReturnState.RECEIVED else row[column]


def _cell(value: object, zone: ZoneInfo | None = None) -> str:
    """Return a value for people: a time to the second in UTC or the zone, and texts and objects on several lines."""
    if isinstance(value, dict) and value.keys() >= {"line", "quantity"}:
        condition = f" {value['condition']}" if value.get("condition") else ""
        return plain(f"{value['quantity']} of {value['line']}{condition}")
    if isinstance(value, dict):
        return "\n".join(f"{plain(key)}: {plain(_cell(each, zone))}" for key, each in value.items() if each is not None)
    if isinstance(value, list):
        return ", ".join([_cell(each, zone) for each in value])
    if isinstance(value, str) and "\n" in value:
        return "\n".join(map(plain, value.split("\n")))
    text = text_of(value)
    if not (time := _TIME.fullmatch(text)):
        return text
    return in_zone_text(datetime.fromisoformat(text), zone) if zone else f"{time[1]} {time[2]}Z"


def in_zone_text(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time to the second in a time zone, with its offset."""
    return moment.astimezone(zone).replace(microsecond=0).isoformat(" ")


def _coloured(text: str) -> Any:
    from rich.text import Text

    return Text(text, style=COLOURS.get(text, ""))


def _table(**style: Any) -> Any:
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, COLUMN_GAP, 0, 0), **style)


def _console() -> Any:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
