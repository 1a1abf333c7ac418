"""Tables of orders and of rows on a terminal. Amounts are in major units."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from orderkeep.domain.payments import Balance
from orderkeep.domain.value_objects import Money
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
FOLDED_WIDTH = 20
"""A column of a table that is wider may be folded to this width; ids are never folded."""

AMOUNTS = {"discount", "shipping", "tax", "total", "unit_price", "amount", "suggested_refund", *Balance._fields}
PLAIN = {"payment_status": "unpaid", "shipping_status": "unshipped", "return_status": "none"}
"""Not shown of an order: that nothing happened."""

IF_ANY = {"cancelled", "shipped", "delivered", "returned"}
"""Columns of lines that are shown only if one of the lines has such units."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECONDS = re.compile(r"(?<=^[0-9-]{10} [0-9:]{5}):[0-9]{2}Z$")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?Z")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a table gives up first if it does not fit the terminal: whole IDs unless `whole_ids`, the columns
    `first_omitted` in this order, then the place of the column `below`, which is printed below each row.
    """

    whole_ids: bool = False
    first_omitted: tuple[str, ...] = ()
    below: str = ""


PLAIN_LAYOUT = Layout()


def text_of(value: object) -> str:
    """Return a value as text for programs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else plain(value)


def print_rows(columns: tuple[str, ...], rows: Iterable[Iterable[object]], layout: Layout = PLAIN_LAYOUT) -> None:
    """Print a table without its empty columns, with numbers and amounts aligned right; nothing if there are no rows.
    If it does not fit the terminal, IDs and times are shortened, then columns are omitted, those of the layout first
    and then from the right, and named below.
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
    cells = {name: [_cell(value) for value in column] for name, column in shown.items()}
    if not _fits(cells, console.width):
        cells = {name: _shortened(name, texts, layout.whole_ids) for name, texts in cells.items()}
    given, count = [*cells], len(next(iter(cells.values())))
    below = _fit(cells, layout, console.width)
    omitted = ", ".join(name for name in given if name not in cells and not (below and name == layout.below))
    tables = [_table(header_style="bold", show_header=number == 0) for number in range(count if below else 1)]
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
        console.print(Text(f"(this terminal is too narrow for {omitted}: widen it, or use --json)", style="dim"))


def _fit(cells: dict[str, list[str]], layout: Layout, width: int) -> list[str]:
    """Remove columns until the others fit. Return the cells that are printed below the rows, if any."""
    removable = [name for name in (*layout.first_omitted, layout.below) if name in cells]
    below: list[str] = []
    while len(cells) > 1 and not _fits(cells, width):
        name = removable.pop(0) if removable else [*cells][-1]
        texts = cells.pop(name)
        below = texts if name == layout.below else below
    return below


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
        return [_SECONDS.sub("Z", text) for text in texts]
    short = [text[:8] if _UUID.fullmatch(text) else text for text in texts]
    return short if len({*short}) == len({*texts}) else texts


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print a table of names and values."""
    table = _table(show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name.replace("_", " "), _coloured(_cell(value)))
    _console().print(table)


def print_order(order: dict[str, Any]) -> None:
    """Print an order: its fields that are not empty, and its lists of objects, such as lines, as tables. Amounts are in
    major units.
    """
    if order.get("current_total") == order["total"]:
        order = order | {"current_total": 0}
    shown = {name: value for name, value in order.items() if value not in (None, [], {}, 0, PLAIN.get(name))}
    shown.pop("personal_data", None)  # a digest
    currency = shown.pop("currency")
    lists = {name: value for name, value in shown.items() if isinstance(value, list) and isinstance(value[0], dict)}
    others = [(name, value) for name, value in shown.items() if name not in lists]
    print_facts((name, Money(value, currency) if name in AMOUNTS else value) for name, value in others)
    for name, items in lists.items():
        columns = DOCUMENT_COLUMNS if name == "documents" else tuple(items[0])
        columns = tuple(each for each in columns if each not in IF_ANY or any(item[each] for item in items))
        rows = [item | {name: Money(item[name], currency).major for name in AMOUNTS & item.keys()} for item in items]
        print_rows(columns, ([row[column] for column in columns] for row in rows))


def _cell(value: object) -> str:
    """Return a value for people: a time in UTC to the second, and texts and objects on several lines."""
    if isinstance(value, dict) and value.keys() >= {"line", "quantity"}:
        condition = f" {value['condition']}" if value.get("condition") else ""
        return plain(f"{value['quantity']} of {value['line']}{condition}")
    if isinstance(value, dict):
        return "\n".join(f"{plain(key)}: {plain(_cell(each))}" for key, each in value.items() if each is not None)
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, str) and "\n" in value:
        return "\n".join(map(plain, value.split("\n")))
    text = text_of(value)
    return f"{time[1]} {time[2]}Z" if (time := _TIME.fullmatch(text)) else text


def _coloured(text: str) -> Any:
    from rich.text import Text

    return Text(text, style=COLOURS.get(text, ""))


def _table(**style: Any) -> Any:
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, COLUMN_GAP, 0, 0), **style)


def _console() -> Any:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
