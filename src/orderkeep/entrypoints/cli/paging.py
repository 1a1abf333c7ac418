"""Lists that come in pages: one page, or all of them, as rows or as the JSON of the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, TypeVar

import click

from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import TEXT
from orderkeep.entrypoints.cli.session import Session

T = TypeVar("T")


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


SINGLE_PAGE = Paging(limit=None, cursor=None, all_pages=True)
"""For a list that always has one page."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list to print: `fetch` returns the page after a cursor and the next cursor; `row` and `json` render an item."""

    columns: tuple[str, ...]
    fetch: Callable[[int, str | None], Awaitable[tuple[Sequence[T], str | None]]]
    row: Callable[[T], Iterable[Any]]
    json: Callable[[T], bytes]
    if_empty: str = "no orders found"


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


async def print_list(session: Session, paging: Paging, listing: Listing[T]) -> None:
    """Print the requested page or all pages, with one page in memory at a time."""
    pages = _pages(paging, listing)
    await (_print_json(pages, listing) if session.as_json else _print_rows(session, pages, listing))


async def _pages(paging: Paging, listing: Listing[T]) -> AsyncIterator[tuple[Sequence[T], str | None]]:
    cursor = paging.cursor
    while True:
        items, cursor = await listing.fetch(paging.size, cursor)
        yield items, cursor
        if cursor is None or not paging.all_pages:
            return


async def _print_json(pages: AsyncIterator[tuple[Sequence[T], str | None]], listing: Listing[T]) -> None:
    separator, cursor = b'{"data":[', None
    async for items, cursor in pages:  # noqa: B007  # the last one is printed at the end
        for item in items:
            output.write_data(separator + listing.json(item))
            separator = b","
    if separator != b",":
        output.write(separator)
    ending = b'],"has_more":%s,"next_cursor":%s}\n'
    output.write(ending % (b"true" if cursor else b"false", output.encode(cursor)))


async def _print_rows(
    session: Session, pages: AsyncIterator[tuple[Sequence[T], str | None]], listing: Listing[T]
) -> None:
    count, cursor = 0, None
    async for items, cursor in pages:  # noqa: B007  # the last one is printed at the end
        output.write_rows(session, listing.columns, [listing.row(item) for item in items])
        count += len(items)
    if cursor:
        output.say(f"more results: use --cursor {cursor} for the next page, or --all")
    elif not count and output.wants_table(session):
        output.say(listing.if_empty)
