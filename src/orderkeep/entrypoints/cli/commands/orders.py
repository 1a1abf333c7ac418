"""`orderkeep get`, `list`, `history`, `actions`, `edit`, `expire`, and the commands that `COMMANDS` declares."""

from dataclasses import replace
from datetime import datetime
from functools import partial, reduce
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from orderkeep.application.change_order import CommandContext
from orderkeep.application.dtos import ChangeDTO, CommandResult, OrderDTO
from orderkeep.application.ports import SEPARATOR, OrderFilter
from orderkeep.bootstrap import UseCases
from orderkeep.domain.entities import OrderChanges
from orderkeep.domain.exceptions import VersionMismatch
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.change_texts import details_text, event_text
from orderkeep.entrypoints.cli import options, output, remarks, tables
from orderkeep.entrypoints.cli.amounts import MajorAmount, positive_minor_units
from orderkeep.entrypoints.cli.commands import COMMANDS, command
from orderkeep.entrypoints.cli.options import Decorator
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.envelopes import change_form

ORDER_COLUMNS = ("id", "status", "total", "currency", "user_id", "created_at", "external_ref")
EDIT_ATTEMPTS = 5
"""How often an order is read again if another writer changed it before its tags were replaced."""

ORDER_TABLE = ("external_ref", "id", "status", "total", "user_id", "created_at")
CHANGE_COLUMNS = ("version", "at", "actor", "events", "details", "status", "request_id")

SEARCH_HELP = (
    "Only orders with this ID, beginning of an ID (8 characters or more), reference, e-mail address or tracking number."
)


@command("get", f"Prints the order's JSON, or a table on a terminal.\n\n{options.TIME_HELP}")
@options.ORDER_ID
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Show the order at version N.")
@click.option("--at", type=options.local_time, metavar="TIME", help="Show the order at this time.")
@options.TIMEZONE
def get_command(
    session: Session, order_id: str, version: int | None, at: datetime | None, zone: ZoneInfo | None
) -> None:
    if version is not None and at is not None:
        raise click.UsageError("--version and --at cannot be used together.")
    point = options.in_zone(at, zone) if version is None else version
    if point is None:
        json = session.run_on_order(order_id, lambda do, found: do.get_order.execute(found, session.actor)).json
    else:
        order = session.run_on_order(order_id, lambda do, found: do.get_order_at.execute(found, point, session.actor))
        json = msgspec.json.encode(order)
    output.write_order(session, json)


@command(
    "list",
    f"""
    \b
      orderkeep list --status pending
      orderkeep list --user user-42 --from 2026-11-01 --to 2026-12-01
      orderkeep list --needs-attention

    Use at most one filter besides --user, --from and --to; --search combines with none. {options.TIME_HELP}

    {options.rows_help(ORDER_COLUMNS)} The total is in major units, such as 99.00.
    """,
)
@click.option("--search", "q", type=options.trimmed_text, metavar="TEXT", help=SEARCH_HELP)
@options.filter_options
@options.paging_options
def list_command(session: Session, q: str | None, where: OrderFilter, paging: options.Paging) -> None:
    is_table = output.wants_table(session)
    columns = ORDER_TABLE if is_table else ORDER_COLUMNS

    def fetch(use_cases: UseCases, **page: Any) -> Any:
        if q is not None:
            return use_cases.search_orders.execute(q, where, **page)
        return use_cases.list_orders.execute(where, **page)

    def row(document: bytes) -> list[object]:
        order = msgspec.json.decode(document)
        total = Money(order["total"], order["currency"])
        order["total"] = total if is_table else total.major
        return [order[name] for name in columns]

    is_remote = session.remote_url is not None  # where the beginning of an ID does not find an order
    omitted = ("id", "created at", "user id") if is_remote else ("created at", "user id")
    layout = tables.Layout(whole_ids=is_remote, omitted=omitted, instead_of_id="external ref")
    output.print_list(session, paging, "orders", fetch, columns, row, msgspec.Raw, separator=SEPARATOR, layout=layout)


@command(
    "history",
    "Oldest first. With --json, each change has the resulting order. A table also has the names of API keys. "
    f"{options.rows_help(CHANGE_COLUMNS)}",
)
@options.ORDER_ID
@options.paging_options
def history_command(session: Session, order_id: str, paging: options.Paging) -> None:
    key_names: dict[str, str] = {}
    before: dict[str, OrderDTO] = {}
    is_table = output.wants_table(session)

    async def fetch(use_cases: UseCases, **page: Any) -> Any:
        found_id = await session.find_order(use_cases, order_id)
        found = await use_cases.get_order_history.execute(found_id, **page)
        key_names.update(found.key_names)
        return found

    def row(change: ChangeDTO) -> list[object]:
        events = ", ".join(event.type for event in change.events)
        values = [item for event in change.events for item in event.data.items() if item[1] is not None]
        details = "; ".join(f"{field.replace('_', ' ')}: {value}" for field, value in values)
        return [change.version, change.at, change.actor, events, details, change.order.status, change.request_id]

    def row_of_table(change: ChangeDTO) -> list[object]:
        events, details = ", ".join(map(event_text, change.events)), details_text(change, before.get("order"))
        before["order"] = change.order
        name = key_names.get(change.actor)
        actor = f"{name} (key)" if name else change.actor
        return [change.version, change.at, actor, events, details, change.order.status, change.request_id]

    form = partial(change_form, key_names=key_names)
    omitted = ("version", "request id", "status", "details", "actor")
    layout = tables.Layout(omitted=omitted, below=("details", "actor"))
    make_row = row_of_table if is_table else row
    output.print_list(session, paging, "changes", fetch, CHANGE_COLUMNS, make_row, form, layout=layout)


@command("actions", "Nothing is changed. Without a terminal, prints tab-separated lines: name, allowed, code, reason.")
@options.ORDER_ID
def actions_command(session: Session, order_id: str) -> None:
    found = session.run_on_order(order_id, lambda do, found: do.get_order_actions.execute(found, session.actor))
    if output.wants_table(session):
        named = [(_command_of(each.name), "yes" if each.allowed else "no", each.reason) for each in found.actions]
        tables.print_rows(("command", "allowed", "reason"), [row for row in named if row[0]])
    else:
        rows = [[each.name, each.allowed, each.code, each.reason] for each in found.actions]
        output.write_rows(session, ("name", "allowed", "code", "reason"), rows, found)


def _command_of(action: str) -> str:
    """Return the command with which an action is run, `shipments add` for `add_shipment`, or ""."""
    verb, _, noun = action.partition("_")
    return next((name for name in (f"{noun}s {verb}", action.replace("_", "-")) if name in COMMANDS), "")


@command(
    "edit",
    """
    --tag and --untag change single tags; a tag that is there already, or not there, is no error. The external reference
    can be set if the order has none. Prints the resulting order: JSON, or a table on a terminal.
    """,
)
@options.ORDER_ID
@click.option("--tag", "added", type=options.text, multiple=True, metavar="TAG", help="Tag to add. Repeatable.")
@click.option("--untag", "removed", type=options.text, multiple=True, metavar="TAG", help="Tag to remove. Repeatable.")
@click.option(
    "--set-metadata", "put", type=options.text, multiple=True, metavar="KEY=VALUE", help="Data to set. Repeatable."
)
@click.option(
    "--unset-metadata", "dropped", type=options.text, multiple=True, metavar="KEY", help="Data to remove. Repeatable."
)
@click.option("--external-ref", type=options.text, metavar="REF", help="Your own reference for the order.")
@options.personal_data_options
@options.request_options
def edit_command(
    session: Session,
    order_id: str,
    request: CommandContext,
    *,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    put: tuple[str, ...],
    dropped: tuple[str, ...],
    external_ref: str | None,
    personal: dict[str, dict[str, str]],
) -> None:
    changes = _changes(options.key_values(put, "--set-metadata"), dropped, external_ref)
    changes.update(personal)  # type: ignore[typeddict-item]  # its keys are fields of the changes
    if both := {*added} & {*removed}:
        raise click.UsageError(f"--tag and --untag cannot be used together for {min(both)}.")
    if not (changes or added or removed):
        every_option = "--tag, --untag, --set-metadata, --unset-metadata, --external-ref, --customer-name, --email"
        raise click.UsageError(f"nothing to change: use {every_option}, --phone, --ship-to or --bill-to.")
    session.options |= {"tags": "--tag", "metadata": "--set-metadata"}

    async def edit(use_cases: UseCases, found: str) -> CommandResult:
        if not (added or removed):
            return await use_cases.edit_order.execute(found, changes, request)
        attempts = 1 if request.expected_version else EDIT_ATTEMPTS
        while True:  # tags are replaced as a whole: it must be those that were read
            order = msgspec.json.decode((await use_cases.get_order.execute(found, session.actor)).json)
            changes["tags"] = tuple(tag for tag in dict.fromkeys((*order["tags"], *added)) if tag not in removed)
            context = replace(request, expected_version=request.expected_version or order["version"])
            attempts -= 1
            try:
                return await use_cases.edit_order.execute(found, changes, context)
            except VersionMismatch:
                if not attempts:
                    raise

    output.write_result(session, session.run_on_order(order_id, edit))


def _changes(metadata: dict[str, str], dropped: tuple[str, ...], external_ref: str | None) -> OrderChanges:
    if both := metadata.keys() & {*dropped}:
        raise click.UsageError(f"--set-metadata and --unset-metadata cannot be used together for {min(both)}.")
    changes = OrderChanges()
    if metadata or dropped:
        changes["metadata"] = {**metadata, **dict.fromkeys(dropped)}
    if external_ref is not None:
        changes["external_ref"] = external_ref
    return changes


@command(
    "expire",
    """
    Cancels the orders with the reason expired. Orders on hold, and orders of which anything is authorized or paid, are
    kept. Prints how many unpaid orders of that age were checked, how many expired, and their IDs. Run it by a
    scheduler, such as cron: to run it again, or twice at once, changes nothing more.
    """,
)
@click.option(
    "--older-than",
    type=int,
    metavar="HOURS",
    help="Only orders placed more than HOURS hours ago. Default: ORDERKEEP_EXPIRE_AFTER_HOURS.",
)
@click.option("--dry-run", is_flag=True, help="Show which orders would be cancelled, and cancel none.")
def expire_command(session: Session, older_than: int | None, dry_run: bool) -> None:
    with output.progress("Checking") as advance:
        report = session.run(
            lambda do: do.expire_orders.execute(older_than, advance, dry_run=dry_run, actor=session.actor)
        )
    output.write_facts(session, (("checked", report.checked), ("expired", len(report.expired))), report)
    if report.expired and not session.as_json:
        output.write_rows(session, ("id",), ((order_id,) for order_id in report.expired))
    if dry_run and not session.as_json:
        output.say("dry run: nothing was changed")


def change_command(name: str) -> click.Command:
    """Return the command that its row in `COMMANDS` declares."""
    row = COMMANDS[name]

    def run(session: Session, order_id: str, request: CommandContext, **values: Any) -> None:
        given = {name: value for name, value in values.items() if value not in (None, ())}

        async def change(use_cases: Any, found: str) -> Any:
            if isinstance(amount := given.get("amount"), MajorAmount):
                snapshot = await use_cases.get_order.execute(found, session.actor)
                currency = msgspec.json.decode(snapshot.json)["currency"]
                given["amount"] = positive_minor_units(amount, currency, "--amount")
            if session.remote_url:
                values = given | given.get("changes", {})
                values.pop("changes", None)
                return await use_cases.send_command(row.request, request, order_id=found, **values)
            return await getattr(use_cases, row.use_case).execute(found, context=request, **given, **dict(row.fixed))

        result = session.run_on_order(order_id, change)
        unchanged = remarks.unchanged(row.use_case, given, result.order) if result.unchanged else ""
        output.write_result(session, result, unchanged)
        is_change = not (result.dry_run or result.replayed or result.unchanged)
        if is_change and not session.as_json and (message := row.message and row.message(given, result.order)):
            output.say(message)

    decorators: list[Decorator] = [options.request_options, *reversed(row.options), options.ORDER_ID]
    decorated = reduce(lambda function, option: option(function), decorators, run)
    return command(name, f"{row.details} Prints the resulting order: JSON, or a table on a terminal.")(decorated)
