"""Lists that come in pages: one page, or all of them, as rows or as the JSON of the HTTP API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import click

from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import TEXT, grouped_options
from orderkeep.entrypoints.cli.session import Session

T = TypeVar("T")
Page = tuple[Sequence[T], str | None]
"""The items of a page, and the cursor of the next one."""


class Paging(NamedTuple):
    """Which part of a list to print, in pages of `size`."""

    size: int
    cursor: str | None
    all_pages: bool


def _paging(limit: int | None, cursor: str | None, *, all_pages: bool) -> Paging:
    if all_pages and limit is not None:
        raise click.UsageError("--all and --limit cannot be used together.")
    return Paging(LARGEST_PAGE if all_pages else DEFAULT_PAGE if limit is None else limit, cursor, all_pages)


LIMIT_HELP = f"Maximum number of results, 1 to {LARGEST_PAGE}. Default: {DEFAULT_PAGE}."

paging_options = grouped_options(
    "paging",
    _paging,
    limit=click.option("--limit", type=int, metavar="N", help=LIMIT_HELP),
    cursor=click.option("--cursor", type=TEXT, help="Cursor of the next page, from the previous page."),
    all_pages=click.option("--all", "all_pages", is_flag=True, help="Fetch all pages."),
)


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

    async def run(use_cases: UseCases) -> None:
        count, cursor, start = 0, paging.cursor, b'{"data":['
        while True:
            items, cursor = await fetch(use_cases, paging.size, cursor)
            if session.as_json:
                for item in items:
                    output.write_data(start + json(item))
                    start = separator
            else:
                output.write_rows(session, columns, map(row, items))
            count += len(items)
            if cursor is None or not paging.all_pages:
                break
        if session.as_json:
            more = b"true" if cursor else b"false"
            output.write(
                (b"" if count else start) + b'],"has_more":%s,"next_cursor":%s}\n' % (more, output.encode(cursor))
            )
        elif cursor:
            output.say(f"more results: use --cursor {cursor} for the next page, or --all")
        elif not count and output.wants_table(session):
            output.say(if_empty)

    session.run(run)
