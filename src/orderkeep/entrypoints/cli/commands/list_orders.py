"""`orderkeep list`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from orderkeep.application.use_cases import ListOrdersUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import filter_of, filter_options
from orderkeep.entrypoints.cli.paging import Listing, paging_of, paging_options, print_list
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

COLUMNS = ("id", "status", "total", "currency", "user_id", "created_at", "external_ref")


@command("list", ListOrdersUseCase)
@filter_options
@paging_options
def list_command(session: Session, limit: int | None, cursor: str | None, *, to_the_end: bool, **filters: Any) -> None:
    """Without a terminal, prints a line for each order, with these values, separated by tabs and without a header:
    id, status, total, currency, user_id, created_at, external_ref. The total is in major units, such as 99.00. With
    --json, prints the page as HTTP answers it.
    """
    paging = paging_of(limit, cursor, to_the_end=to_the_end)
    where = filter_of(filters)

    async def print_orders(use_cases: UseCases) -> None:
        async def fetch(size: int, cursor: str | None) -> tuple[Sequence[bytes], str | None]:
            page = await use_cases.list_orders.execute(where, limit=size, cursor=cursor, actor=CLI_ACTOR)
            return page.orders, page.next_cursor

        await print_list(session, paging, Listing(COLUMNS, fetch, _row, lambda order: order))

    session.run(print_orders)


def _row(document: bytes) -> list[Any]:
    order = msgspec.json.decode(document)
    order["total"] = Money(order["total"], order["currency"]).major
    return [order[name] for name in COLUMNS]
