"""`orderkeep get`, `list`, `history`, and the commands that change the status of an order."""

from datetime import datetime
from typing import Any

import click
import msgspec

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import ChangeDTO
from orderkeep.application.ports import SEPARATOR, OrderFilter
from orderkeep.bootstrap import UseCases
from orderkeep.domain.limits import MAX_NOTE_LENGTH, MAX_REASON_LENGTH
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.cli import options, output
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.envelopes import change_form

ORDER_COLUMNS = ("id", "status", "total", "currency", "user_id", "created_at", "external_ref")
CHANGE_COLUMNS = ("version", "at", "actor", "events", "status")

RESULT_HELP = "Prints the resulting order: JSON, or a table on a terminal."


@options.command("get", "Prints the order's JSON, or a table on a terminal.")
@options.ORDER_ID
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Show the order at version N.")
@click.option("--at", type=options.time, help="Show the order at this time.")
def get_command(session: Session, order_id: str, version: int | None, at: datetime | None) -> None:
    if version is not None and at is not None:
        raise click.UsageError("--version and --at cannot be used together.")
    point = at if version is None else version
    if point is None:
        json = session.run_on_order(order_id, lambda do, found: do.get_order.execute(found, session.actor)).json
    else:
        order = session.run_on_order(order_id, lambda do, found: do.get_order_at.execute(found, point, session.actor))
        json = msgspec.json.encode(order)
    output.write_order(session, json)


@options.command("list", f"{options.rows_help(ORDER_COLUMNS)} The total is in major units, such as 99.00.")
@options.filter_options
@options.paging_options
def list_command(session: Session, where: OrderFilter, paging: options.Paging) -> None:
    def fetch(use_cases: UseCases, **page: Any) -> Any:
        return use_cases.list_orders.execute(where, **page)

    output.print_list(session, paging, "orders", fetch, ORDER_COLUMNS, _order_row, msgspec.Raw, separator=SEPARATOR)


def _order_row(document: bytes) -> list[object]:
    order = msgspec.json.decode(document)
    order["total"] = Money(order["total"], order["currency"]).major
    return [order[name] for name in ORDER_COLUMNS]


@options.command(
    "history", f"{options.rows_help(CHANGE_COLUMNS)} Oldest first. With --json, each change has the resulting order."
)
@options.ORDER_ID
@options.paging_options
def history_command(session: Session, order_id: str, paging: options.Paging) -> None:
    async def fetch(use_cases: UseCases, **page: Any) -> Any:
        found = await use_cases.find_order.execute(order_id, CLI_ACTOR)
        return await use_cases.get_order_history.execute(found, **page)

    output.print_list(session, paging, "changes", fetch, CHANGE_COLUMNS, _change_row, change_form)


def _change_row(change: ChangeDTO) -> list[object]:
    events = ", ".join(event.type for event in change.events)
    return [change.version, change.at, change.actor, events, change.order.status]


def change_command(name: str) -> click.Command:
    """Return the command that runs the use case `<name>_order`, which needs only the order's ID."""

    @options.command(name, RESULT_HELP)
    @options.ORDER_ID
    @options.request_options
    def run(session: Session, order_id: str, request: CommandContext) -> None:
        result = session.run_on_order(order_id, lambda do, found: getattr(do, f"{name}_order").execute(found, request))
        output.write_result(session, result, dry_run=request.dry_run)

    return run


@options.command("cancel", RESULT_HELP)
@options.ORDER_ID
@click.option("--reason", type=options.text, help=f"Reason, up to {MAX_REASON_LENGTH} characters.")
@click.option("--note", type=options.text, help=f"Note, up to {MAX_NOTE_LENGTH} characters.")
@options.request_options
def cancel_command(session: Session, order_id: str, request: CommandContext, **why: str | None) -> None:
    result = session.run_on_order(order_id, lambda do, found: do.cancel_order.execute(found, request, **why))
    output.write_result(session, result, dry_run=request.dry_run)
