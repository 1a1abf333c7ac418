"""What commands print: JSON, tab-separated lines, or tables on a terminal; messages and progress on stderr."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from orderkeep.application.dtos import CommandResult
from orderkeep.application.ports import Progress, ignore_progress
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.cli.options import Paging
from orderkeep.entrypoints.cli.plain_text import plain_data
from orderkeep.entrypoints.cli.plain_text import say as say
from orderkeep.entrypoints.cli.remarks import AS_REQUESTED
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.cli.tables import PLAIN_LAYOUT, Layout, print_facts, print_order, print_rows, text_of
from orderkeep.entrypoints.envelopes import order_document

STDOUT = "-"
"""As the name of a file, it is stdout."""


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
        print_order(msgspec.json.decode(json), session.zone)
    else:
        write(json + b"\n")


def write_result(session: Session, result: CommandResult, unchanged: str = AS_REQUESTED) -> None:
    """Write the order as a command left it, or as a dry run would leave it."""
    say_if_unchanged(result, unchanged)
    write_order(session, order_document(result))


def say_if_unchanged(result: CommandResult, unchanged: str = AS_REQUESTED) -> None:
    """Report on stderr that a command wrote nothing; `unchanged` is the text if the order already was as requested."""
    if result.dry_run:
        say("dry run: nothing was changed. This is what the command would return")
    elif result.replayed:
        say("this --key was used before: nothing was changed. This is the result of that time")
    elif result.unchanged:
        say(unchanged)


def write_rows(
    session: Session,
    columns: tuple[str, ...],
    rows: Iterable[Iterable[object]],
    json: Any = None,
    layout: Layout = PLAIN_LAYOUT,
) -> None:
    """Write tab-separated lines without a header, or a table; with --json, `json` if it is given."""
    if session.as_json and json is not None:
        write_json(json)
    elif wants_table(session):
        print_rows(columns, rows, layout, session.zone)
    else:
        for row in rows:
            write("\t".join(map(text_of, row)).encode() + b"\n")


def write_facts(session: Session, facts: Iterable[tuple[str, object]], json: Any) -> None:
    """Write names and values: a tab-separated line each, or a table; with --json, write `json` instead."""
    if wants_table(session):
        print_facts(facts, session.zone)
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
    layout: Layout = PLAIN_LAYOUT,
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
            following = "" if wants_table(session) else f", or use --cursor {cursor} for the next page"
            say(f"there are more results: add --all, or --limit {LARGEST_PAGE}{following}")
        elif not count and wants_table(session):
            say(if_empty)

    session.run(run)


@contextmanager
def progress(what: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Progress]:
    """Show a progress bar on stderr, if that is a terminal. Yield the function that advances it. Without a total, the
    number of orders is shown. The function also ends the command after Ctrl+C.
    """
    if quiet or not sys.stderr.isatty():
        yield _interruptible(ignore_progress)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    done = (
        (TaskProgressColumn(show_speed=False), TimeRemainingColumn())
        if total
        else (TextColumn("{task.completed} orders"),)
    )
    columns = (TextColumn("{task.description}"), BarColumn(), *done, TimeElapsedColumn())
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
