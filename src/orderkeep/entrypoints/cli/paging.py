"""Lists that come in pages: one of them, or all to the end, as rows or as the JSON that HTTP answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import click

from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import TEXT
from orderkeep.entrypoints.cli.session import Session

T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Paging:
    """How much of a list is asked for."""

    limit: int | None
    cursor: str | None
    to_the_end: bool

    @property
    def size(self) -> int:
        """How many come in one page."""
        return LARGEST_PAGE if self.to_the_end else DEFAULT_PAGE if self.limit is None else self.limit


ALL = Paging(limit=None, cursor=None, to_the_end=True)
"""For a list that is one page in any case."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list to print: how to get a page behind a cursor, and what one thing on it looks like."""

    columns: tuple[str, ...]
    fetch: Callable[[int, str | None], Awaitable[tuple[Sequence[T], str | None]]]
    row: Callable[[T], Iterable[Any]]
    json: Callable[[T], bytes]
    nothing: str = "no order matches"


def paging_options(function: C) -> C:
    """Give a command the options of a list that comes in pages; `paging_of` reads them."""
    for option in (
        click.option("--all", "to_the_end", is_flag=True, help="All there is, not only a page."),
        click.option("--cursor", type=TEXT, help="Go on where an earlier page of the same list ended."),
        click.option(
            "--limit", type=int, metavar="N", help=f"Up to so many, 1 to {LARGEST_PAGE}; {DEFAULT_PAGE} by default."
        ),
    ):
        function = option(function)
    return function


def paging_of(limit: int | None, cursor: str | None, *, to_the_end: bool) -> Paging:
    """Return what the options ask for. Raises `click.UsageError` where they contradict each other."""
    if to_the_end and limit is not None:
        raise click.UsageError("--all and --limit cannot be used together: give one of them.")
    return Paging(limit, cursor, to_the_end)


async def print_list(session: Session, paging: Paging, listing: Listing[T]) -> None:
    """Print the page that is asked for, or all pages, one in memory at a time."""
    pages = _pages(paging, listing)
    await (_print_json(pages, listing) if session.as_json else _print_rows(session, pages, listing))


async def _pages(paging: Paging, listing: Listing[T]) -> AsyncIterator[tuple[Sequence[T], str | None]]:
    cursor = paging.cursor
    while True:
        found, cursor = await listing.fetch(paging.size, cursor)
        yield found, cursor
        if cursor is None or not paging.to_the_end:
            return


async def _print_json(pages: AsyncIterator[tuple[Sequence[T], str | None]], listing: Listing[T]) -> None:
    separator, cursor = b'{"data":[', None
    async for found, cursor in pages:  # noqa: B007  # the last one is printed at the end
        for item in found:
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
    async for found, cursor in pages:  # noqa: B007  # the last one is told at the end
        output.write_rows(session, listing.columns, [listing.row(item) for item in found])
        count += len(found)
    if cursor:
        output.say(f"there is more: --cursor {cursor} goes on, --all shows all")
    elif not count and output.wants_table(session):
        output.say(listing.nothing)
