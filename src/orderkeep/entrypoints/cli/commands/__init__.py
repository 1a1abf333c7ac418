"""The table of commands, in the order of the help, and how a function becomes a command.

A module is imported when one of its commands is called, so that a call loads only what it needs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import cleandoc
from typing import Any

import click

from orderkeep.application.ports import StoreAccess
from orderkeep.application.use_cases.find_order import SHORTEST_PREFIX
from orderkeep.domain.limits import MAX_NOTE_LENGTH, MAX_REASON_LENGTH
from orderkeep.entrypoints.cli.options import SESSION_OPTIONS, Decorator, text
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


def order_command(
    summary: str, use_case: str, request: str, *options: Decorator, details: str = "", message: str = ""
) -> Command:
    """Declare a command that changes one order, and prints it. On a store it runs the use case, with its options as
    arguments of the same names. On a server it sends the request, with those options in the path that are named there,
    and the others as fields of the body.
    """
    return Command(summary, "orders", WRITE, False, details, use_case, request, message, options)


def _group(summary: str, details: str) -> Command:
    """Declare a group. Its commands are those whose names begin with its name and a space."""
    return Command(summary, details=details)


COMMANDS = {
    "serve": Command("Run the HTTP server.", "service", CREATE),
    "place": Command("Place an order.", "place", CREATE, needs_store=False),
    "get": Command("Show an order.", "orders", needs_store=False),
    "list": Command("List orders, newest first.", "orders", needs_store=False),
    "confirm": order_command(
        "Confirm a pending order and start processing it.", "confirm_order", "POST /orders/{order_id}/confirm"
    ),
    "ship": order_command("Mark an order in processing as shipped.", "ship_order", "POST /orders/{order_id}/ship"),
    "deliver": order_command("Mark a shipped order as delivered.", "deliver_order", "POST /orders/{order_id}/deliver"),
    "cancel": order_command(
        "Cancel an order that has not been shipped.",
        "cancel_order",
        "POST /orders/{order_id}/cancel",
        click.option("--reason", type=text, help=f"Reason, up to {MAX_REASON_LENGTH} characters."),
        click.option("--note", type=text, help=f"Note, up to {MAX_NOTE_LENGTH} characters. The customer can read it."),
        details="This is final: no command reopens the order. The reason and the note are on its receipts.",
        message="the order is cancelled, which is final",
    ),
    "history": Command("Show the change history of an order.", "orders", needs_store=False),
    "receipt": Command("Issue a receipt for an order and write it to a file.", "documents", WRITE, needs_store=False),
    "documents": Command("List the documents of an order.", "documents", needs_store=False),
    "verify": Command("Check the integrity of all orders and their history.", "store"),
    "checkpoint": Command("Record the state of the store, to detect later losses.", "store", WRITE),
    "migrate": Command("Create or upgrade the store's schema.", "store", CREATE),
    "backup": Command("Back up a SQLite store to a file.", "store"),
    "import": Command("Import orders from a JSON Lines or CSV file.", "order_files", CREATE),
    "export": Command("Export orders to a JSON Lines or CSV file.", "order_files"),
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
    "keys create": Command("Create an API key for staff or for a customer.", "keys", WRITE),
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
