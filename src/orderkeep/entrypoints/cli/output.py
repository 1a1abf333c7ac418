"""What commands print: JSON, tab-separated lines, or tables on a terminal; messages and progress on stderr."""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
import msgspec

from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.bootstrap import UseCases
from orderkeep.domain.payments import Balance
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.cli.options import Paging
from orderkeep.entrypoints.cli.plain_text import plain, plain_data
from orderkeep.entrypoints.cli.plain_text import say as say
from orderkeep.entrypoints.cli.session import Session

# rich is imported inside the functions that use it: it takes longer than everything else of a call in a pipe.

STDOUT = "-"
"""As the name of a file, it is stdout."""

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


def wants_table(session: Session) -> bool:
    """Return whether stdout is a terminal and JSON was not requested."""
    return not session.as_json and sys.stdout.isatty()


@contextmanager
def writing(target: str) -> Iterator[None]:
    """Raise `Failure` if the target cannot be written; `BrokenPipeError` if it is stdout and its reader is gone."""
    try:
        yield
    except OSError as error:
        if target == STDOUT:
            if isinstance(error, BrokenPipeError):
                raise
            discard()
        detail = f"cannot write {'the output' if target == STDOUT else target}: {error.strerror}"
        hint = "fix this and run the command again"
        raise failures.Failure(detail, failures.UNAVAILABLE, "cannot_write", hint=hint) from error


def write(data: bytes) -> None:
    """Write UTF-8 to stdout, in any locale; on a terminal, with escapes for control characters. Without a terminal, it
    may be any bytes. Raises `Failure` if that is not possible.
    """
    with writing(STDOUT):
        sys.stdout.buffer.write(plain_data(data) if sys.stdout.isatty() else data)


def flush() -> None:
    """Flush stdout, so that a full disk does not look like success."""
    with writing(STDOUT):
        sys.stdout.flush()


def discard() -> None:
    """Redirect stdout to the null device: its reader is gone, and Python would report that at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def output_file(name: str) -> Iterator[Callable[[bytes], None]]:
    """Yield the function that writes to stdout or to a file. A regular file is written to a temporary file
    beside it and renamed at the end; anything else (a pipe, a device) is written directly.
    """
    if name == STDOUT:
        yield write
        return
    path = Path(name).resolve()
    try:
        is_regular = path.is_file() or not path.exists()
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part") if is_regular else path
        file = temporary.open("xb" if is_regular else "wb")
    except OSError as error:
        raise click.BadParameter(f"cannot write {name}: {error.strerror}", param_hint="FILE") from None

    def write_to_file(data: bytes) -> None:
        with writing(name):
            file.write(data)

    try:
        yield write_to_file
        with writing(name):
            file.flush()
            if is_regular:
                os.fsync(file.fileno())
                if path.exists():
                    temporary.chmod(path.stat().st_mode & 0o7777)
                temporary.replace(path)
    finally:
        with suppress(OSError):  # closing retries the write that failed
            file.close()
        if is_regular:
            temporary.unlink(missing_ok=True)


def write_json(value: Any) -> None:
    """Write a line of JSON."""
    write(msgspec.json.encode(value) + b"\n")


def write_order(session: Session, json: bytes) -> None:
    """Write an order: its JSON, or a table on a terminal."""
    if wants_table(session):
        print_order(msgspec.json.decode(json))
    else:
        write(json + b"\n")


def write_result(session: Session, result: CommandResult) -> None:
    """Write the order as a command left it, or as a dry run would leave it."""
    say_if_unchanged(result)
    write_order(session, msgspec.json.encode(result.order) if result.json is None else result.json)


def say_if_unchanged(result: CommandResult) -> None:
    """Report on stderr that a command wrote nothing, and the events that a dry run would record."""
    if result.dry_run:
        events = ", ".join(event.type for event in result.events)  # none with --remote: the API returns no events
        say("dry run: nothing was written" + (f". Without --dry-run, this records {events}" if events else ""))
    elif result.replayed:
        say("this idempotency key was already used: showing the original result")


def write_rows(
    session: Session,
    columns: tuple[str, ...],
    rows: Iterable[Iterable[object]],
    json: Any = None,
    layout: Layout = Layout(),
) -> None:
    """Write tab-separated lines without a header, or a table; with --json, `json` if it is given."""
    if session.as_json and json is not None:
        write_json(json)
    elif wants_table(session):
        print_rows(columns, rows, layout)
    else:
        for row in rows:
            write("\t".join(map(_text, row)).encode() + b"\n")


def write_facts(session: Session, facts: Iterable[tuple[str, object]], json: Any) -> None:
    """Write names and values: a tab-separated line each, or a table; with --json, write `json` instead."""
    if wants_table(session):
        print_facts(facts)
    else:
        write_rows(session, (), facts, json)


def print_list(
    session: Session,
    paging: Paging,
    items: str,
    fetch: Callable[..., Awaitable[Any]],
    columns: tuple[str, ...],
    row: Callable[[Any], Iterable[object]],
    form: Callable[[Any], object],
    *,
    separator: bytes = b",",
    if_empty: str = "no orders found",
    layout: Layout = Layout(),
) -> None:
    """Print the requested page or all pages, with one page in memory at a time. `fetch` gets the use cases, `limit`,
    `cursor` and `actor`, and returns a page, whose attribute `items` has the items. `row` and `form` convert an item
    to cells and to JSON, where `separator` is between the items.
    """
    if paging.all_pages and paging.limit is not None:
        raise click.UsageError("--all and --limit cannot be used together.")
    limit = LARGEST_PAGE if paging.all_pages else DEFAULT_PAGE if paging.limit is None else paging.limit

    async def run(use_cases: UseCases) -> None:
        count, cursor, start = 0, paging.cursor, b'{"data":['
        while True:
            page = await fetch(use_cases, limit=limit, cursor=cursor, actor=session.actor)
            found, cursor = getattr(page, items), page.next_cursor
            count += len(found)
            if session.as_json:
                for item in found:
                    write(start + msgspec.json.encode(form(item)))
                    start = separator
            else:
                write_rows(session, columns, map(row, found), layout=layout)
            if cursor is None or not paging.all_pages:
                break
        if session.as_json:
            more = b"true" if cursor else b"false"
            end = b'],"has_more":%s,"next_cursor":%s}\n' % (more, msgspec.json.encode(cursor))
            write(end if count else start + end)
        elif cursor:
            say(f"more results: use --all, or --cursor {cursor} for the next page")
        elif not count and wants_table(session):
            say(if_empty)

    session.run(run)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None else plain(value)


def print_rows(columns: tuple[str, ...], rows: Iterable[Iterable[object]], layout: Layout = Layout()) -> None:
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
    text = _text(value)
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


@contextmanager
def progress(what: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Progress]:
    """Show a progress bar on stderr, if that is a terminal. Yield the function that advances it. Without a total, the
    number of orders is shown. The function also ends the command after Ctrl+C.
    """
    if quiet or not sys.stderr.isatty():
        yield _interruptible(ignore_progress)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    done = TaskProgressColumn(show_speed=False) if total else TextColumn("{task.completed} orders")
    columns = (TextColumn("{task.description}"), BarColumn(), done, TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _interruptible(partial(bars.advance, bars.add_task(what, total=total)))


def _interruptible(advance: Progress) -> Progress:
    """Return a function that also ends the task after Ctrl+C, which asyncio only notes while the task does not wait."""

    def advance_or_end(count: int) -> None:
        try:
            task = asyncio.current_task()
        except RuntimeError:  # outside of the event loop, Ctrl+C is raised
            task = None
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        advance(count)

    return advance_or_end
