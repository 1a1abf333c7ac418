"""Lists that come in pages: one page, or all of them, as rows or as the JSON of the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import click

from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import TEXT
from orderkeep.entrypoints.cli.session import Session

T = TypeVar("T")
Page = tuple[Sequence[T], str | None]
"""The items of a page, and the cursor of the next one."""

Pages = AsyncIterator[Page[T]]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list to print."""

    limit: int | None
    cursor: str | None
    all_pages: bool

    @property
    def size(self) -> int:
        """The number of items in a page."""
        return LARGEST_PAGE if self.all_pages else DEFAULT_PAGE if self.limit is None else self.limit


def paging_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a list that comes in pages. The command gets them as one `paging`."""

    @wraps(function)
    def run(*args: Any, limit: int | None, cursor: str | None, all_pages: bool, **options: Any) -> None:
        if all_pages and limit is not None:
            raise click.UsageError("--all and --limit cannot be used together.")
        function(*args, paging=Paging(limit, cursor, all_pages), **options)

    limit_help = f"Maximum number of results, 1 to {LARGEST_PAGE}. Default: {DEFAULT_PAGE}."
    for option in (
        click.option("--all", "all_pages", is_flag=True, help="Fetch all pages."),
        click.option("--cursor", type=TEXT, help="Cursor of the next page, from the previous page."),
        click.option("--limit", type=int, metavar="N", help=limit_help),
    ):
        run = option(run)
    return run


def print_list(
    session: Session,
    paging: Paging,
    fetch: Callable[[UseCases, int, str | None], Awaitable[Page[T]]],
    columns: tuple[str, ...],
    row: Callable[[T], Iterable[Any]],
    json: Callable[[T], bytes],
    *,
    separator: bytes = b",",
    if_empty: str = "no orders found",
) -> None:
    """Print the requested page or all pages, with one page in memory at a time. `fetch` returns the page after a cursor
    and the next cursor; `row` and `json` render an item, and `separator` is between the items of the JSON.
    """

    async def pages(use_cases: UseCases) -> Pages[T]:
        cursor = paging.cursor
        while True:
            items, cursor = await fetch(use_cases, paging.size, cursor)
            yield items, cursor
            if cursor is None or not paging.all_pages:
                return

    async def run(use_cases: UseCases) -> None:
        if session.as_json:
            await _print_json(pages(use_cases), json, separator)
        else:
            await _print_rows(session, pages(use_cases), columns, row, if_empty)

    session.run(run)


async def _print_json(pages: Pages[T], json: Callable[[T], bytes], separator: bytes) -> None:
    before, cursor = b'{"data":[', None
    async for items, cursor in pages:  # noqa: B007  # the last one is printed at the end
        for item in items:
            output.write_data(before + json(item))
            before = separator
    if before != separator:
        output.write(before)
    ending = b'],"has_more":%s,"next_cursor":%s}\n'
    output.write(ending % (b"true" if cursor else b"false", output.encode(cursor)))


async def _print_rows(
    session: Session, pages: Pages[T], columns: tuple[str, ...], row: Callable[[T], Iterable[Any]], if_empty: str
) -> None:
    count, cursor = 0, None
    async for items, cursor in pages:  # noqa: B007  # the last one is printed at the end
        output.write_rows(session, columns, map(row, items))
        count += len(items)
    if cursor:
        output.say(f"more results: use --cursor {cursor} for the next page, or --all")
    elif not count and output.wants_table(session):
        output.say(if_empty)
