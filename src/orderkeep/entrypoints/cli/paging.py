"""Lists that come in pages: one page, or all of them, as rows or as the JSON of the HTTP API."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import click
import msgspec

from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import grouped_options, text
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session


class Paging(NamedTuple):
    """Which part of a list to print."""

    limit: int | None
    cursor: str | None
    all_pages: bool


LIMIT_HELP = f"Maximum number of results, 1 to {LARGEST_PAGE}. Default: {DEFAULT_PAGE}."

paging_options = grouped_options(
    "paging",
    Paging,
    limit=click.option("--limit", type=int, metavar="N", help=LIMIT_HELP),
    cursor=click.option("--cursor", type=text, help="Cursor of the next page, from the previous page."),
    all_pages=click.option("--all", "all_pages", is_flag=True, help="Fetch all pages."),
)


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
            page = await fetch(use_cases, limit=limit, cursor=cursor, actor=CLI_ACTOR)
            found, cursor = getattr(page, items), page.next_cursor
            count += len(found)
            if session.as_json:
                for item in found:
                    output.write_data(start + msgspec.json.encode(form(item)))
                    start = separator
            else:
                output.write_rows(session, columns, map(row, found))
            if cursor is None or not paging.all_pages:
                break
        if session.as_json:
            more = b"true" if cursor else b"false"
            end = b'],"has_more":%s,"next_cursor":%s}\n' % (more, msgspec.json.encode(cursor))
            output.write(end if count else start + end)
        elif cursor:
            output.say(f"more results: use --cursor {cursor} for the next page, or --all")
        elif not count and output.wants_table(session):
            output.say(if_empty)

    session.run(run)
