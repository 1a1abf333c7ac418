"""Tables for a terminal, made with rich, which is imported here and nowhere else but for progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
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
}


def print_rows(columns: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    """Print a table, numbers to the right."""
    table = Table(*(Column(_heading(name)) for name in columns), box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        values = list(row)
        table.add_row(*map(_cell, values))
        for column, value in zip(table.columns, values, strict=True):
            column.justify = "right" if isinstance(value, int | Decimal) else column.justify
            column.no_wrap = column.header.plain != "events" if isinstance(column.header, Text) else True
    _console().print(table)


def print_order(order: dict[str, Any]) -> None:
    """Print an order: its fields one below the other, then its lines. Fields that say nothing are left out."""
    currency = order["currency"]
    fields = Table(box=None, show_header=False, pad_edge=False)
    fields.add_column(style="dim", no_wrap=True)
    fields.add_column(overflow="fold")
    for name, value in order.items():
        if name in ("lines", "currency") or value in (None, [], {}, 0):
            continue
        amount = ORDER_FIELDS[name] is Kind.AMOUNT
        fields.add_row(_heading(name), _cell(str(Money(value, currency)) if amount else _readable(value)))
    _console().print(fields)
    if order["lines"]:
        names = tuple(LINE_FIELDS)
        print_rows(names, ([_line_value(line[name], name, currency) for name in names] for line in order["lines"]))


def _line_value(value: Any, name: str, currency: str) -> Any:
    return Money(value, currency).major if LINE_FIELDS[name] is Kind.AMOUNT else value


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_readable(held)}" for key, held in value.items() if held is not None)
    if isinstance(value, list):
        return ", ".join(map(_readable, value))
    return str(value)


def _heading(name: str) -> Text:
    return Text(name.replace("_", " "))


def _cell(value: object) -> Text:
    text = "" if value is None else plain(value)
    return Text(text, style=COLOURS.get(text, ""))


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
