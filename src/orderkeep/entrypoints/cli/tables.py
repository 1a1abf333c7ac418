"""Tables for a terminal, made with rich, which is imported here and for progress bars, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.cli.plain_text import plain
from orderkeep.entrypoints.order_files.fields import LINE_FIELDS, ORDER_FIELDS, Kind

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

FOLDING = 20
"""Columns wider than this may be folded into several lines; narrower ones stay whole, as do ids."""

INSTANTS = {"at", "expires_at", "last_used_at", *(name for name, kind in ORDER_FIELDS.items() if kind is Kind.INSTANT)}
DOCUMENT_COLUMNS = ("kind", "order_version", "media_type", "size", "created_at", "id")
_TO_THE_SECOND = len("2026-11-22T10:00:00")


def print_rows(columns: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    """Print a table, numbers to the right; nothing where there are no rows. Columns for which the terminal is too
    narrow are left out, from the right, and named below.
    """
    found = [list(row) for row in rows]
    if not found:
        return
    console = _console()
    texts = [[_cell(_shown(value, name)) for value, name in zip(row, columns, strict=True)] for row in found]
    widths = [max(cell_len(name), *(cell_len(row[index].plain) for row in texts)) for index, name in enumerate(columns)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    fitting = _fitting(columns, widths, console.width)
    for index, name in enumerate(columns[:fitting]):
        is_number = all(isinstance(row[index], int | Decimal) for row in found)
        whole = name == "id" or widths[index] <= FOLDING
        table.add_column(
            _heading(name),
            justify="right" if is_number else "left",
            min_width=widths[index] if whole else FOLDING,
            overflow="fold",
        )
    for row in texts:
        table.add_row(*row[:fitting])
    console.print(table)
    if fitting < len(columns):
        hidden = ", ".join(_heading(name).plain for name in columns[fitting:])
        console.print(Text(f"(this terminal is too narrow for {hidden})", style="dim"))


def _fitting(columns: tuple[str, ...], widths: list[int], room: int) -> int:
    least = [width if name == "id" else min(width, FOLDING) for name, width in zip(columns, widths, strict=True)]
    fitting = len(columns)
    while fitting > 1 and sum(least[:fitting]) + 2 * (fitting - 1) > room:
        fitting -= 1
    return fitting


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one below the other."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(_heading(name), _cell(value))
    _console().print(table)


def print_order(order: dict[str, Any]) -> None:
    """Print an order: its fields one below the other, but for those that say nothing; its lines; its documents."""
    told = {name: value for name, value in order.items() if value not in (None, [], {}, 0)}
    currency = told.pop("currency")
    lines, documents = told.pop("lines", []), told.pop("documents", [])
    amounts = {name for name in told if ORDER_FIELDS.get(name) is Kind.AMOUNT}
    print_facts(
        (name, str(Money(value, currency)) if name in amounts else _readable(_shown(value, name)))
        for name, value in told.items()
    )
    names = tuple(LINE_FIELDS)
    print_rows(names, ([_line_value(line[name], name, currency) for name in names] for line in lines))
    print_rows(DOCUMENT_COLUMNS, ([document[name] for name in DOCUMENT_COLUMNS] for document in documents))


def _line_value(value: Any, name: str, currency: str) -> Any:
    return Money(value, currency).major if LINE_FIELDS[name] is Kind.AMOUNT else value


def _shown(value: Any, name: str) -> Any:
    if name in INSTANTS and isinstance(value, str):
        return value[:_TO_THE_SECOND].replace("T", " ")
    return value


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        told = {key: held for key, held in value.items() if held is not None}
        return "\n".join(f"{plain(key)}: {plain(_readable(_shown(held, key)))}" for key, held in told.items())
    if isinstance(value, list):
        return ", ".join(map(_readable, value))
    return str(value)


def _heading(name: str) -> Text:
    return Text(name.replace("_", " "))


def _cell(value: object) -> Text:
    if isinstance(value, bool):
        return Text(str(value).lower())
    text = "" if value is None else "\n".join(plain(line) for line in str(value).split("\n"))
    return Text(text, style=COLOURS.get(text, ""))


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
