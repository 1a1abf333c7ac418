"""The table of commands, in the order of the help, and how a function becomes a command.

A module is imported when one of its commands is called, so that a call loads only what it needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from inspect import cleandoc
from typing import Any

import click

from orderkeep.application.ports import StoreAccess
from orderkeep.application.use_cases.find_order import SHORTEST_PREFIX
from orderkeep.domain.limits import MAX_NOTE_LENGTH, MAX_REASON_LENGTH
from orderkeep.domain.payments import PaymentKind
from orderkeep.entrypoints.cli.amounts import MajorAmount
from orderkeep.entrypoints.cli.options import (
    SESSION_OPTIONS,
    Choice,
    Decorator,
    grouped_options,
    line_units,
    returned_units,
    text,
    time,
)
from orderkeep.entrypoints.cli.session import Session

CREATE, WRITE = StoreAccess.CREATE, StoreAccess.WRITE


@dataclass(frozen=True, slots=True)
class Command:
    """A row of `COMMANDS`. The command is the function `<name>_command` of a module, unless it has a `use_case`."""

    summary: str
    module: str = ""
    access: StoreAccess = StoreAccess.READ
    """What the command may do to the store."""
    needs_store: bool = True
    """Otherwise a server can run the command instead (`--remote`), or it uses no orders."""
    details: str = ""
    use_case: str = ""
    request: str = ""
    message: str = ""
    """What is reported on stderr after the command changed an order."""
    options: tuple[Decorator, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the use case that are not options; a server takes them from the path of the request."""


def order_command(
    summary: str,
    use_case: str,
    request: str,
    *options: Decorator,
    details: str = "",
    message: str = "",
    fixed: Mapping[str, str] | None = None,
) -> Command:
    """Declare a command that changes one order, and prints it. On a store it runs the use case, with its options as
    arguments of the same names. On a server it sends the request, with those options in the path that are named there,
    and the others as fields of the body.
    """
    return Command(
        summary, "orders", WRITE, False, details, use_case, request, message, options, {} if fixed is None else fixed
    )


def _group(summary: str, details: str) -> Command:
    """Declare a group. Its commands are those whose names begin with its name and a space."""
    return Command(summary, details=details)


_REASON = click.option("--reason", type=text, help=f"Reason, up to {MAX_REASON_LENGTH} characters.")
_NOTE = click.option("--note", type=text, help=f"Note, up to {MAX_NOTE_LENGTH} characters.")
_LINES = click.option(
    "--line",
    "lines",
    type=line_units,
    multiple=True,
    metavar="LINE=N",
    help="Units of a line, such as l1=2. Repeatable.",
)
_OCCURRED_AT = click.option("--occurred-at", type=time, metavar="TIME", help="When it happened. Default: now.")
_REFERENCE = click.option("--reference", type=text, required=True, help="ID at the payment provider.")
_AMOUNT = click.option(
    "--amount", type=MajorAmount, required=True, help="Amount in major units of the order's currency, such as 99.00."
)
_TRACKING = (
    click.option("--carrier", type=text, help="Carrier, such as DHL."),
    click.option("--tracking-number", type=text, help="The carrier's number of the parcel."),
    click.option("--tracking-url", type=text, help="Page where the parcel can be tracked."),
)
_SHIPMENT, _RETURN = (click.argument(f"{name}_id", metavar=name.upper(), type=text) for name in ("shipment", "return"))


def _given(**values: str | None) -> dict[str, str | None]:
    return {name: value for name, value in values.items() if value is not None}


COMMANDS = {
    "serve": Command("Run the HTTP server.", "service", CREATE),
    "place": Command("Place an order.", "place", CREATE, needs_store=False),
    "get": Command("Show an order.", "orders", needs_store=False),
    "list": Command("List orders, newest first.", "orders", needs_store=False),
    "confirm": order_command(
        "Confirm a pending order and start processing it.", "confirm_order", "POST /orders/{order_id}/confirm"
    ),
    "ship": order_command("Ship all units of an order that are left.", "ship_order", "POST /orders/{order_id}/ship"),
    "deliver": order_command("Mark a shipped order as delivered.", "deliver_order", "POST /orders/{order_id}/deliver"),
    "cancel": order_command(
        "Cancel an order that has not been shipped.",
        "cancel_order",
        "POST /orders/{order_id}/cancel",
        _REASON,
        click.option("--note", type=text, help=f"Note, up to {MAX_NOTE_LENGTH} characters. The customer can read it."),
        details="This is final: no command reopens the order. The reason and the note are on its receipts.",
        message="the order is cancelled, which is final",
    ),
    "cancel-lines": order_command(
        "Cancel units that have not been shipped, by default all.",
        "cancel_lines",
        "POST /orders/{order_id}/cancel-lines",
        _LINES,
        _REASON,
        _NOTE,
    ),
    "hold": order_command(
        "Put an order on hold: it can be neither confirmed nor shipped.",
        "hold_order",
        "POST /orders/{order_id}/hold",
        click.option("--reason", type=text, required=True, help=f"Reason, up to {MAX_REASON_LENGTH} characters."),
        _NOTE,
        click.option("--until", type=time, metavar="TIME", help="When the hold ends by itself."),
    ),
    "release": order_command("End the hold of an order.", "release_order", "POST /orders/{order_id}/release"),
    "edit": Command(
        "Change the tags, the metadata or the external reference of an order.", "orders", WRITE, needs_store=False
    ),
    "actions": Command("Show which commands an order accepts, and why not the others.", "orders", needs_store=False),
    "shipments": _group("Ship an order in parts.", "`orderkeep ship` ships all that is left."),
    "shipments add": order_command(
        "Ship units of an order, by default all that are left.",
        "add_shipment",
        "POST /orders/{order_id}/shipments",
        _LINES,
        *_TRACKING,
        _OCCURRED_AT,
    ),
    "shipments update": order_command(
        "Change the carrier or the tracking of a shipment.",
        "update_shipment",
        "PATCH /orders/{order_id}/shipments/{shipment_id}",
        _SHIPMENT,
        grouped_options(
            "changes", _given, **dict(zip(("carrier", "tracking_number", "tracking_url"), _TRACKING, strict=True))
        ),
    ),
    "shipments deliver": order_command(
        "Record the delivery of a shipment.",
        "deliver_shipment",
        "POST /orders/{order_id}/shipments/{shipment_id}/deliver",
        _SHIPMENT,
        _OCCURRED_AT,
    ),
    "payments": _group(
        "Record payments.", "Payments are made elsewhere and recorded here, whatever the order's status."
    ),
    "payments record": order_command(
        "Record that a payment was authorized, captured or voided, or failed.",
        "record_payment",
        "POST /orders/{order_id}/payments",
        _REFERENCE,
        click.option(
            "--kind", type=Choice(list(map(str, PaymentKind))), required=True, help="What happened to the payment."
        ),
        _AMOUNT,
        click.option("--method", type=text, help="Payment method, such as card."),
        _OCCURRED_AT,
    ),
    "refunds": _group("Record refunds.", "Refunds are paid elsewhere and recorded here."),
    "refunds add": order_command(
        "Add a refund before you start it at the payment provider.",
        "add_refund",
        "POST /orders/{order_id}/refunds",
        _REFERENCE,
        _AMOUNT,
        _REASON,
        _LINES,
    ),
    "refunds close": order_command(
        "Record that a refund succeeded or failed.",
        "close_refund",
        "PATCH /orders/{order_id}/refunds/{reference}",
        click.argument("reference", type=text),
        click.option("--status", type=Choice(["succeeded", "failed"]), required=True, help="Outcome of the refund."),
        _OCCURRED_AT,
    ),
    "returns": _group("Record returns.", "A return suggests a refund, and refunds nothing."),
    "returns request": order_command(
        "Record that delivered units, by default all, are to be returned.",
        "request_return",
        "POST /orders/{order_id}/returns",
        _LINES,
        _REASON,
    ),
    "returns receive": order_command(
        "Record which units of a return arrived, by default those requested.",
        "receive_return",
        "POST /orders/{order_id}/returns/{return_id}/receive",
        _RETURN,
        click.option(
            "--line",
            "lines",
            type=returned_units,
            multiple=True,
            metavar="LINE=N[,CONDITION]",
            help="Units of a line and their condition, such as l1=2,scratched. Repeatable.",
        ),
        _NOTE,
    ),
    "returns reject": order_command(
        "Reject a return.",
        "close_return",
        "POST /orders/{order_id}/returns/{return_id}/reject",
        _RETURN,
        _NOTE,
        fixed={"outcome": "rejected"},
    ),
    "returns cancel": order_command(
        "Cancel a return: the customer keeps the units.",
        "close_return",
        "POST /orders/{order_id}/returns/{return_id}/cancel",
        _RETURN,
        _NOTE,
        fixed={"outcome": "cancelled"},
    ),
    "notes": _group("Add notes to an order.", "A note is for staff, unless it has the visibility customer."),
    "notes add": order_command(
        "Add a note.",
        "add_note",
        "POST /orders/{order_id}/notes",
        click.argument("text", type=text),
        click.option("--visibility", type=Choice(["internal", "customer"]), help="Who sees it. Default: internal."),
    ),
    "notes edit": order_command(
        "Change the text of a note.",
        "edit_note",
        "PATCH /orders/{order_id}/notes/{note_id}",
        click.argument("note_id", metavar="NOTE", type=text),
        click.argument("text", type=text),
    ),
    "history": Command("Show the change history of an order.", "orders", needs_store=False),
    "receipt": Command("Issue a receipt for an order and write it to a file.", "documents", WRITE, needs_store=False),
    "documents": Command("List the documents of an order.", "documents", needs_store=False),
    "expire": Command("Cancel pending orders that were not paid in time.", "orders", WRITE),
    "verify": Command("Check the integrity of all orders and their history.", "store"),
    "checkpoint": Command("Record the state of the store, to detect later losses.", "store", WRITE),
    "migrate": Command("Create or upgrade the store's schema.", "store", CREATE),
    "backup": Command("Back up a SQLite store to a file.", "store"),
    "import": Command("Import orders from a JSON Lines or CSV file.", "order_files", CREATE),
    "export": Command("Export orders to a JSON Lines or CSV file.", "order_files"),
    "erase": Command("Erase the personal data of orders.", "personal_data", WRITE, needs_store=False),
    "export-person": Command("Export all orders of a user, for the user.", "personal_data"),
    "demo": Command("Fill the store with sample orders.", "demo", CREATE),
    "table": _group(
        "Manage the table of a DynamoDB store.",
        "--store or ORDERKEEP_STORE selects the table, such as dynamodb://orders?region=eu-central-1.",
    ),
    "table create": Command("Create the table, or add missing indexes and settings.", "store"),
    "table describe": Command("Show the table's settings and report problems.", "store"),
    "keys": _group(
        "Manage API keys.", "A key authenticates either a staff client with the given scopes or one customer."
    ),
    "keys create": Command("Create an API key for staff or for a customer.", "keys", CREATE),
    "keys list": Command("List API keys, including expired and revoked keys.", "keys"),
    "keys revoke": Command("Revoke an API key permanently.", "keys", WRITE),
    "openapi": Command("Print the OpenAPI document.", "service", needs_store=False),
    "completion": Command("Print the tab completion script of a shell.", "service", needs_store=False),
    "config": Command("Show all settings, their values and their sources.", "service", needs_store=False),
}


def command(name: str, details: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command. It gets the `Session` first, then its options. The help is the summary in `COMMANDS`,
    then the details.
    """
    row = COMMANDS[name]

    def decorate(function: Callable[..., None]) -> click.Command:
        @wraps(function)  # with its options
        def run(session: Session, *args: Any, **values: Any) -> None:
            if row.needs_store and session.remote_url:
                raise click.UsageError(f"{name} needs the store and cannot be run on a server: use --store.")
            session.access, session.dry_run = row.access, bool(click.get_current_context().params.get("dry_run"))
            function(session, *args, **values)

        made = click.command(name.rpartition(" ")[2], help=f"{row.summary}\n\n{cleandoc(details)}")(click.pass_obj(run))
        if any(each.name == "order_id" for each in made.params):
            made.help = f"{made.help}\n\n{_ORDER_ID_HELP}"
        made.params.extend(SESSION_OPTIONS)
        return made

    return decorate


_ORDER_ID_HELP = f"ID is the order's ID, its first {SHORTEST_PREFIX} or more characters, or its external reference."
