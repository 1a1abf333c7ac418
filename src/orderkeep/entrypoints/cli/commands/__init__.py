"""The table of commands, in the order of the help, and how a function becomes a command.

A module is imported when one of its commands is called, so that a call loads only what it needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from inspect import cleandoc
from typing import Any

import click

from orderkeep.application.dtos import OrderDTO
from orderkeep.application.ports import StoreAccess
from orderkeep.application.use_cases.find_order import SHORTEST_PREFIX
from orderkeep.domain.limits import MAX_NOTE_LENGTH, MAX_REASON_LENGTH
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import PaymentKind
from orderkeep.entrypoints.cli import remarks
from orderkeep.entrypoints.cli.amounts import MajorAmount
from orderkeep.entrypoints.cli.options import (
    Choice,
    Decorator,
    grouped_options,
    line_units,
    returned_units,
    session_options,
    text,
    time,
)
from orderkeep.entrypoints.cli.session import Session

Remark = Callable[[Mapping[str, Any], OrderDTO], str]

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
    message: Remark | None = None
    """Returns what is reported on stderr after the command changed an order."""
    options: tuple[Decorator, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the use case that are not options; a server takes them from the path of the request."""


def order_command(
    summary: str,
    use_case: str,
    request: str,
    *options: Decorator,
    details: str = "",
    message: Remark | None = None,
    fixed: Mapping[str, str] | None = None,
) -> Command:
    """Declare a command that changes one order, and prints it. On a store it runs the use case, with its options as
    arguments of the same names. On a server it sends the request, with those options in the path that are named there,
    and the others as fields of the body.
    """
    return Command(
        *(summary, "orders", WRITE, False, details, use_case, request, message, options),
        fixed={} if fixed is None else fixed,
    )


def _group(summary: str, details: str) -> Command:
    """Declare a group. Its commands are those whose names begin with its name and a space."""
    return Command(summary, details=details)


_REASON = click.option(
    "--reason", type=text, help=f"Reason, up to {MAX_REASON_LENGTH} characters. The customer can read it."
)
_NOTE = click.option("--note", type=text, help=f"Note, up to {MAX_NOTE_LENGTH} characters. The customer can read it.")
_LINES = click.option(
    "--line",
    "lines",
    type=line_units,
    multiple=True,
    metavar="LINE=N",
    help="Units of a line, such as l1=2. Repeatable.",
)
_TIME = "such as 2026-12-02 or 2026-12-02T10:00+01:00, by default in UTC"
_OCCURRED_AT = click.option(
    "--occurred-at", type=time, metavar="TIME", help=f"When it happened, {_TIME}. Default: now."
)
_REFERENCE = click.option("--reference", type=text, required=True, help="ID at the payment provider.")
_AMOUNT = click.option(
    "--amount",
    type=MajorAmount,
    required=True,
    metavar="AMOUNT",
    help="Amount in the currency of the order, such as 99.00, with a decimal point.",
)
_TRACKING = (
    click.option("--carrier", type=text, help="Carrier, such as DHL."),
    click.option("--tracking-number", type=text, help="The carrier's number of the parcel."),
    click.option("--tracking-url", type=text, help="Page where the parcel can be tracked."),
)
_SHIPMENT, _RETURN = (click.argument(f"{name}_id", metavar=name.upper(), type=text) for name in ("shipment", "return"))


def _given(**values: str | None) -> dict[str, str | None]:
    given: dict[str, str | None] = {name: value for name, value in values.items() if value is not None}
    if not given:
        names = [f"--{name.replace('_', '-')}" for name in values]
        raise click.UsageError(f"nothing to change: use {', '.join(names[:-1])} or {names[-1]}.")
    return given


def _some_or_all(lines: tuple[LineQuantity, ...], everything: bool) -> tuple[LineQuantity, ...]:
    """Return the units to cancel. To omit an option must not cancel everything."""
    if everything == bool(lines):
        raise click.UsageError("use --line for some units, such as --line l1=2, or --all for all that are not shipped.")
    return lines


COMMANDS = {
    "serve": Command("Run the HTTP server.", "service", CREATE),
    "place": Command("Place an order.", "place", CREATE, needs_store=False),
    "get": Command("Show an order.", "orders", needs_store=False),
    "list": Command("List orders, newest first.", "orders", needs_store=False),
    "confirm": order_command(
        "Confirm a pending order and start processing it.", "confirm_order", "POST /orders/{order_id}/confirm"
    ),
    "ship": order_command(
        "Ship all units that are not shipped yet.",
        "ship_order",
        "POST /orders/{order_id}/ship",
        details="For a tracking number, a part of the order or an earlier time, use `orderkeep shipments add` instead.",
    ),
    "deliver": order_command(
        "Record that all shipments are delivered.",
        "deliver_order",
        "POST /orders/{order_id}/deliver",
        details="For one shipment or an earlier time, use `orderkeep shipments deliver` instead.",
        message=remarks.of_delivery,
    ),
    "cancel": order_command(
        "Cancel an order that has not been shipped.",
        "cancel_order",
        "POST /orders/{order_id}/cancel",
        _REASON,
        _NOTE,
        details="This is final: no command reopens the order. The reason and the note are on its receipts.",
        message=lambda _, order: remarks.CANCELLED,  # noqa: ARG005
    ),
    "cancel-lines": order_command(
        "Cancel units that have not been shipped.",
        "cancel_lines",
        "POST /orders/{order_id}/cancel-lines",
        grouped_options(
            "lines",
            _some_or_all,
            lines=_LINES,
            everything=click.option("--all", "everything", is_flag=True, help="All units that are not shipped."),
        ),
        _REASON,
        _NOTE,
        details="This is final. If nothing was shipped and no units are left, the order is cancelled.",
        message=remarks.of_cancelled_lines,
    ),
    "hold": order_command(
        "Put an order on hold: it can be neither confirmed nor shipped.",
        "hold_order",
        "POST /orders/{order_id}/hold",
        click.option(
            "--reason",
            type=text,
            required=True,
            help=f"Reason, up to {MAX_REASON_LENGTH} characters. The customer can read it.",
        ),
        _NOTE,
        click.option("--until", type=time, metavar="TIME", help=f"When the hold ends by itself, {_TIME}."),
        details="An earlier hold and its end are replaced.",
    ),
    "release": order_command("End the hold of an order.", "release_order", "POST /orders/{order_id}/release"),
    "edit": Command("Change tags, metadata or the external reference of an order.", "orders", WRITE, needs_store=False),
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
        message=remarks.of_delivered_shipment,
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
            "--kind",
            type=Choice(list(map(str, PaymentKind))),
            required=True,
            help="captured: the money was received; authorized: reserved, such as on a card; voided: the reservation "
            "was released; failed: the payment failed.",
        ),
        _AMOUNT,
        click.option("--method", type=text, help="Payment method, such as card."),
        _OCCURRED_AT,
        details="A payment that was captured stays so: to correct it, record a refund.",
        message=remarks.of_payment,
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
        details="--line records for which units the refund is. The amount does not depend on it.",
    ),
    "refunds close": order_command(
        "Record that a refund succeeded or failed.",
        "close_refund",
        "PATCH /orders/{order_id}/refunds/{reference}",
        click.argument("reference", type=text),
        click.option("--status", type=Choice(["succeeded", "failed"]), required=True, help="Outcome of the refund."),
        _OCCURRED_AT,
        details="A failure is final: record another refund then.",
        message=remarks.of_closed_refund,
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
        details="This closes the return, also if fewer units arrived: for others that arrive later, request another.",
        message=remarks.of_received_return,
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
        click.option(
            "--visibility",
            type=Choice(["internal", "customer"]),
            help="Who sees it: staff only, or also the customer, over the API but not on receipts. Default: internal.",
        ),
    ),
    "notes edit": order_command(
        "Change the text of a note.",
        "edit_note",
        "PATCH /orders/{order_id}/notes/{note_id}",
        click.argument("note_id", metavar="NOTE", type=text),
        click.argument("text", type=text),
    ),
    "history": Command("Show the change history of an order.", "orders", needs_store=False),
    "events": Command("List the events of all orders, or follow them.", "events", needs_store=False),
    "receipt": Command("Issue a receipt for an order and write it to a file.", "documents", WRITE, needs_store=False),
    "documents": Command("List the documents of an order.", "documents", needs_store=False),
    "expire": Command("Cancel pending orders that were not paid in time.", "orders", WRITE),
    "stats": Command("Show statistics of orders.", "statistics", WRITE, needs_store=False),
    "doctor": Command("Find what needs action: in orders, statistics, webhooks and settings.", "statistics"),
    "verify": Command("Check the integrity of all orders and their history.", "store"),
    "checkpoint": Command("Record the state of the store, to detect later losses.", "store", WRITE),
    "migrate": Command("Create or upgrade the store's schema.", "store", CREATE),
    "backup": Command("Back up a SQLite store to a file.", "store"),
    "copy": Command("Copy a store to another store, with its whole history.", "store_copy", WRITE),
    "compare": Command("Compare a store with its copy.", "store_copy"),
    "move": Command("Move all orders to another store while services use them.", "store_copy", StoreAccess.MOVE),
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
    "webhooks": _group(
        "Send the events of orders to URLs.",
        "A webhook gets all events that match its filter, those of each order in order, until each is accepted.",
    ),
    "webhooks create": Command("Create a webhook.", "webhooks", CREATE, needs_store=False),
    "webhooks list": Command("List webhooks.", "webhooks", needs_store=False),
    "webhooks show": Command("Show a webhook and its progress.", "webhooks", needs_store=False),
    "webhooks update": Command("Change the URL or the filter of a webhook.", "webhooks", WRITE, needs_store=False),
    "webhooks delete": Command("Delete a webhook.", "webhooks", WRITE, needs_store=False),
    "webhooks pause": Command("Pause a webhook.", "webhooks", WRITE, needs_store=False),
    "webhooks resume": Command("Resume a webhook.", "webhooks", WRITE, needs_store=False),
    "webhooks test": Command("Send a test event to a webhook.", "webhooks", needs_store=False),
    "webhooks rotate-secret": Command("Replace the secret of a webhook.", "webhooks", WRITE, needs_store=False),
    "webhooks replay": Command("Send a range of events again.", "webhooks", WRITE, needs_store=False),
    "webhooks deliveries": Command("List the newest deliveries of a webhook.", "webhooks", needs_store=False),
    "relay": Command("Deliver webhooks, publish events and count statistics, without serving.", "service", WRITE),
    "openapi": Command("Print the OpenAPI document.", "service", needs_store=False),
    "new": Command("Create a service of your own, with another entity.", "new_service", needs_store=False),
    "completion": Command("Print the tab completion script of a shell.", "service", needs_store=False),
    "config": Command("Show all settings, their values and their sources.", "service", needs_store=False),
}


def command(name: str, details: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command. It gets the `Session`, then its options. The help is its summary, then the details."""
    row = COMMANDS[name]

    def decorate(function: Callable[..., None]) -> click.Command:
        @wraps(function)  # with its options
        def run(session: Session, *args: Any, **values: Any) -> None:
            if row.needs_store and session.remote_url:
                raise click.UsageError(f"{name} needs the store and cannot be run on a server: use --store.")
            session.access, session.values = row.access, click.get_current_context().params
            session.dry_run = bool(session.values.get("dry_run"))
            function(session, *args, **values)

        made = click.command(name.rpartition(" ")[2], help=f"{row.summary}\n\n{cleandoc(details)}")(click.pass_obj(run))
        if any(each.name == "order_id" for each in made.params):
            made.help = f"{made.help}\n\n{_ORDER_ID_HELP}"
        made.params += session_options(name, needs_store=row.needs_store, writes=row.access is not StoreAccess.READ)
        return made

    return decorate


_ORDER_ID_HELP = (
    "ID is the order number of the shop (the external reference, the first column of `orderkeep list` on a terminal), "
    f"or the order's ID or its first {SHORTEST_PREFIX} or more characters."
)
