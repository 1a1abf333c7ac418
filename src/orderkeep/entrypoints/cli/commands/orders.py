"""`orderkeep get`, `list`, `history`, and the commands that change the status of an order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
import msgspec

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import ChangeDTO, CommandResult
from orderkeep.application.ports import SEPARATOR, OrderFilter
from orderkeep.application.use_cases.confirm_order import ConfirmOrderUseCase
from orderkeep.application.use_cases.deliver_order import DeliverOrderUseCase
from orderkeep.application.use_cases.ship_order import ShipOrderUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.domain.limits import MAX_NOTE_LENGTH, MAX_REASON_LENGTH
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import INSTANT, TEXT, command, filter_options, request_options
from orderkeep.entrypoints.cli.paging import Page, Paging, paging_options, print_list
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session
from orderkeep.entrypoints.envelopes import change_form

ORDER_COLUMNS = ("id", "status", "total", "currency", "user_id", "created_at", "external_ref")
CHANGE_COLUMNS = ("version", "at", "actor", "events", "status")

RESULT_HELP = "Prints the resulting order: JSON, or a table on a terminal."


@command("get", "Prints the order's JSON, or a table on a terminal.")
@click.argument("order_id", metavar="ID", type=TEXT)
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Show the order at version N.")
@click.option("--at", type=INSTANT, help="Show the order at this time.")
def get_command(session: Session, order_id: str, version: int | None, at: datetime | None) -> None:
    if version is not None and at is not None:
        raise click.UsageError("--version and --at cannot be used together.")
    point = at if version is None else version

    async def get(use_cases: UseCases) -> bytes:
        if point is None:
            return (await use_cases.get_order.execute(order_id, CLI_ACTOR)).json
        return output.encode(await use_cases.get_order_at.execute(order_id, point, CLI_ACTOR))

    output.write_order(session, session.run(get))


@command(
    "list",
    """
    Without a terminal, prints one tab-separated line for each order, without a header: id, status, total, currency,
    user_id, created_at, external_ref. The total is in major units, such as 99.00. With --json, prints the page of the
    HTTP API.
    """,
)
@filter_options
@paging_options
def list_command(session: Session, where: OrderFilter, paging: Paging) -> None:
    async def fetch(use_cases: UseCases, limit: int, cursor: str | None) -> Page[bytes]:
        page = await use_cases.list_orders.execute(where, limit=limit, cursor=cursor, actor=CLI_ACTOR)
        return page.orders, page.next_cursor

    print_list(session, paging, fetch, ORDER_COLUMNS, _order_row, lambda document: document, separator=SEPARATOR)


def _order_row(document: bytes) -> list[Any]:
    order = msgspec.json.decode(document)
    order["total"] = Money(order["total"], order["currency"]).major
    return [order[name] for name in ORDER_COLUMNS]


@command(
    "history",
    """
    Without a terminal, prints one tab-separated line for each change, oldest first, without a header: version, at,
    actor, events, status. With --json, prints the page of the HTTP API, with the resulting order of each change.
    """,
)
@click.argument("order_id", metavar="ID", type=TEXT)
@paging_options
def history_command(session: Session, order_id: str, paging: Paging) -> None:
    async def fetch(use_cases: UseCases, limit: int, cursor: str | None) -> Page[ChangeDTO]:
        page = await use_cases.get_order_history.execute(order_id, limit=limit, cursor=cursor, actor=CLI_ACTOR)
        return page.changes, page.next_cursor

    print_list(session, paging, fetch, CHANGE_COLUMNS, _change_row, lambda change: output.encode(change_form(change)))


def _change_row(change: ChangeDTO) -> list[Any]:
    events = ", ".join(event.type for event in change.events)
    return [change.version, change.at, change.actor, events, change.order.status]


Step = ConfirmOrderUseCase | ShipOrderUseCase | DeliverOrderUseCase


def _step_command(name: str, use_case_of: Callable[[UseCases], Step]) -> click.Command:
    @command(name, RESULT_HELP)
    @click.argument("order_id", metavar="ID", type=TEXT)
    @request_options
    def step(session: Session, order_id: str, request: CommandContext) -> None:
        result = session.run(lambda use_cases: use_case_of(use_cases).execute(order_id, request))
        output.write_result(session, result, dry_run=request.dry_run)

    return step


confirm_command = _step_command("confirm", lambda use_cases: use_cases.confirm_order)
ship_command = _step_command("ship", lambda use_cases: use_cases.ship_order)
deliver_command = _step_command("deliver", lambda use_cases: use_cases.deliver_order)


@command("cancel", RESULT_HELP)
@click.argument("order_id", metavar="ID", type=TEXT)
@click.option("--reason", type=TEXT, help=f"Reason, up to {MAX_REASON_LENGTH} characters.")
@click.option("--note", type=TEXT, help=f"Note, up to {MAX_NOTE_LENGTH} characters.")
@request_options
def cancel_command(
    session: Session, order_id: str, reason: str | None, note: str | None, request: CommandContext
) -> None:
    async def cancel(use_cases: UseCases) -> CommandResult:
        return await use_cases.cancel_order.execute(order_id, request, reason=reason, note=note)

    output.write_result(session, session.run(cancel), dry_run=request.dry_run)
