"""What commands print: JSON, tab-separated lines, or tables on a terminal; messages and progress on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import click
import msgspec

from orderkeep.application.dtos import CommandResult, LineDTO
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.cli.plain_text import plain, plain_data
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.envelopes import dry_run_form

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

FOLDED_WIDTH = 20
"""A column of a table that is wider may be folded to this width; ids are never folded."""

TIMES = {"at", "created_at", "expires_at", "last_used_at", "updated_at"}
AMOUNTS = {"discount", "shipping", "tax", "total", "unit_price"}
LINE_COLUMNS = tuple(field.name for field in fields(LineDTO))
_TO_THE_SECOND = len("2026-11-22T10:00:00")


def encode(value: Any) -> bytes:
    """Return the JSON of a DTO or of plain values."""
    return msgspec.json.encode(value)


def wants_table(session: Session) -> bool:
    """Return whether stdout is a terminal and JSON was not requested."""
    return not session.as_json and sys.stdout.isatty()


def say(text: str) -> None:
    """Write a message to stderr."""
    click.echo(f"orderkeep: {plain(text)}", err=True)


# --- bytes and JSON ---


def write(data: bytes) -> None:
    """Write bytes to stdout, in any locale. Raises `Failure` if that is not possible."""
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        discard()
        raise failures.cannot_write("the output", error) from error


def flush() -> None:
    """Flush stdout, so that a full disk does not look like success."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard()
        raise failures.cannot_write("the output", error) from error


def discard() -> None:
    """Redirect stdout to the null device: its reader is gone, and Python would report that at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())


def write_data(data: bytes) -> None:
    """Write JSON or CSV, on a terminal without control characters."""
    write(plain_data(data) if sys.stdout.isatty() else data)


def write_json(value: Any) -> None:
    """Write a line of JSON."""
    write_data(encode(value) + b"\n")


def write_order(session: Session, json: bytes) -> None:
    """Write an order: its JSON, or a table on a terminal."""
    if wants_table(session):
        print_order(msgspec.json.decode(json))
    else:
        write_data(json + b"\n")


def write_result(session: Session, result: CommandResult, *, dry_run: bool) -> None:
    """Write the result of a command, or of its dry run."""
    if result.replayed:
        say("this idempotency key was already used: showing the original result")
    elif dry_run:
        say("dry run: nothing was written")
    if dry_run and not wants_table(session):
        write_json(dry_run_form(result))
    else:
        write_order(session, encode(result.order) if result.json is None else result.json)


# --- tab-separated lines, or tables on a terminal ---


def write_rows(session: Session, columns: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    """Write tab-separated lines without a header, or a table."""
    if wants_table(session):
        print_rows(columns, rows)
    else:
        for row in rows:
            _write_row(row)


def write_facts(session: Session, facts: Iterable[tuple[str, object]]) -> None:
    """Write names and values: a tab-separated line each, or a table."""
    if wants_table(session):
        print_facts(facts)
    else:
        for fact in facts:
            _write_row(fact)


def _write_row(values: Iterable[object]) -> None:
    write("\t".join(map(_text, values)).encode() + b"\n")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else plain(value)


def print_rows(columns: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    """Print a table, with numbers aligned right; nothing if there are no rows. Columns that do not fit the terminal are
    omitted, from the right, and named below.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    found = [list(row) for row in rows]
    if not found:
        return
    texts = [[_cell(_shortened(value, name)) for value, name in zip(row, columns, strict=True)] for row in found]
    widths = [max(cell_len(text) for text in (name, *column)) for name, *column in zip(columns, *texts, strict=True)]
    console = _console()
    fitting = _fitting(columns, widths, console.width)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(columns[:fitting]):
        is_number = all(isinstance(row[index], int | Decimal) for row in found)
        table.add_column(
            Text(_heading(name)),
            justify="right" if is_number else "left",
            min_width=_least_width(name, widths[index]),
            overflow="fold",
        )
    for row in texts:
        table.add_row(*(Text(text, style=COLOURS.get(text, "")) for text in row[:fitting]))
    console.print(table)
    if fitting < len(columns):
        hidden = ", ".join(map(_heading, columns[fitting:]))
        console.print(Text(f"(this terminal is too narrow for {hidden})", style="dim"))


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print a table of names and values."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        text = _cell(value)
        table.add_row(Text(_heading(name)), Text(text, style=COLOURS.get(text, "")))
    _console().print(table)


def print_order(order: dict[str, Any]) -> None:
    """Print an order: its fields that are not empty, its lines and its documents. Amounts are in major units."""
    shown = {name: value for name, value in order.items() if value not in (None, [], {}, 0)}
    currency = shown.pop("currency")
    lines, documents = shown.pop("lines", []), shown.pop("documents", [])
    print_facts(
        (name, str(Money(value, currency)) if name in AMOUNTS else _readable(_shortened(value, name)))
        for name, value in shown.items()
    )
    print_rows(LINE_COLUMNS, ([_line_value(line[name], name, currency) for name in LINE_COLUMNS] for line in lines))
    print_rows(DOCUMENT_COLUMNS, ([document[name] for name in DOCUMENT_COLUMNS] for document in documents))


def _fitting(columns: tuple[str, ...], widths: list[int], room: int) -> int:
    least = [_least_width(name, width) for name, width in zip(columns, widths, strict=True)]
    fitting = len(columns)
    while fitting > 1 and sum(least[:fitting]) + 2 * (fitting - 1) > room:
        fitting -= 1
    return fitting


def _least_width(name: str, width: int) -> int:
    return width if name == "id" else min(width, FOLDED_WIDTH)


def _line_value(value: Any, name: str, currency: str) -> Any:
    return Money(value, currency).major if name in AMOUNTS else value


def _shortened(value: Any, name: str) -> Any:
    """Return a time to the second, for people; other values as they are."""
    if name in TIMES and value is not None:
        return _text(value)[:_TO_THE_SECOND].replace("T", " ")
    return value


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        held = {key: each for key, each in value.items() if each is not None}
        return "\n".join(f"{plain(key)}: {plain(_readable(_shortened(each, key)))}" for key, each in held.items())
    if isinstance(value, list):
        return ", ".join(map(_readable, value))
    return str(value)


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: object) -> str:
    """Return the text of a cell; only a text may have several lines."""
    return "\n".join(_text(line) for line in value.split("\n")) if isinstance(value, str) else _text(value)


def _console() -> Any:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


@contextmanager
def progress(what: str, total: int | None = None, *, unit: str = "", quiet: bool = False) -> Iterator[Progress]:
    """Show a progress bar on stderr, if that is a terminal. The function that is returned advances it; `total` may be
    unknown.
    """
    if quiet or not sys.stderr.isatty():
        yield ignore_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    columns.insert(2, TaskProgressColumn(show_speed=False) if total else TextColumn(f"{{task.completed}} {unit}"))
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(what, total=total)

        def advance(count: int) -> None:
            bars.advance(task, count)

        yield advance
