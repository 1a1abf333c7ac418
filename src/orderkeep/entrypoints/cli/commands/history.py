"""`orderkeep history`."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import click

from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.use_cases import GetOrderHistoryUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import TEXT
from orderkeep.entrypoints.cli.paging import Listing, paging_of, paging_options, print_list
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

COLUMNS = ("version", "at", "actor", "events", "status")
ANSWERED = tuple(field.name for field in fields(ChangeDTO) if field.name not in ("order_id", "key", "intact"))


@command("history", GetOrderHistoryUseCase)
@click.argument("order_id", metavar="ID", type=TEXT)
@paging_options
def history_command(
    session: Session, order_id: str, limit: int | None, cursor: str | None, *, to_the_end: bool
) -> None:
    """Without a terminal, prints a line for each change, oldest first, with these values, separated by tabs and
    without a header: version, at, actor, events, status. With --json, prints the page as HTTP answers it, with the
    order as it became.
    """
    paging = paging_of(limit, cursor, to_the_end=to_the_end)

    async def print_changes(use_cases: UseCases) -> None:
        async def fetch(size: int, cursor: str | None) -> tuple[Sequence[ChangeDTO], str | None]:
            page = await use_cases.get_order_history.execute(order_id, limit=size, cursor=cursor, actor=CLI_ACTOR)
            return page.changes, page.next_cursor

        await print_list(session, paging, Listing(COLUMNS, fetch, _row, _json))

    session.run(print_changes)


def _json(change: ChangeDTO) -> bytes:
    return output.encode({name: getattr(change, name) for name in ANSWERED})


def _row(change: ChangeDTO) -> list[Any]:
    events = ", ".join(event.type for event in change.events)
    return [change.version, change.at.isoformat().replace("+00:00", "Z"), change.actor, events, change.order.status]
