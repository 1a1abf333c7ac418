"""The commands: the module that defines each one, as `<name>_command`, and its one-line summary.

A module is imported when one of its commands is called, so that a call loads only what it needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the use cases load most of the program, which the help does not need
    from orderkeep.application.change_order import CommandContext
    from orderkeep.application.dtos import CommandResult
    from orderkeep.bootstrap import UseCases

    StatusCommand = Callable[[UseCases], Callable[[str, CommandContext], Awaitable[CommandResult]]]


class Entry(NamedTuple):
    """A row of the table of commands."""

    module: str
    summary: str
    run: StatusCommand | None = None
    """Runs a command whose only argument is the ID of an order. Such a command needs no code in its module."""


COMMANDS = {
    "serve": Entry("service", "Run the HTTP server."),
    "place": Entry("place", "Place an order."),
    "get": Entry("orders", "Show an order."),
    "list": Entry("orders", "List orders, newest first."),
    "confirm": Entry("orders", "Confirm a pending order and start processing it.", lambda do: do.confirm_order.execute),
    "ship": Entry("orders", "Mark an order in processing as shipped.", lambda do: do.ship_order.execute),
    "deliver": Entry("orders", "Mark a shipped order as delivered.", lambda do: do.deliver_order.execute),
    "cancel": Entry("orders", "Cancel an order that has not been shipped."),
    "history": Entry("orders", "Show the change history of an order."),
    "receipt": Entry("documents", "Issue a receipt for an order and write it to a file."),
    "documents": Entry("documents", "List the documents of an order."),
    "verify": Entry("store", "Check the integrity of all orders and their history."),
    "migrate": Entry("store", "Create or upgrade the store's schema."),
    "import": Entry("import_orders", "Import orders from a JSON Lines or CSV file."),
    "export": Entry("export_orders", "Export orders to a JSON Lines or CSV file."),
    "demo": Entry("demo", "Fill the store with sample orders."),
    "torture": Entry("torture", "Stress-test the store's consistency guarantees."),
    "table": Entry("store", "Manage the table of a DynamoDB store."),
    "table create": Entry("store", "Create the table, or add missing indexes and settings."),
    "table describe": Entry("store", "Show the table's settings and report problems."),
    "keys": Entry("keys", "Manage API keys."),
    "keys create": Entry("keys", "Create an API key for staff or for a customer."),
    "keys list": Entry("keys", "List API keys, including expired and revoked keys."),
    "keys revoke": Entry("keys", "Revoke an API key permanently."),
    "openapi": Entry("service", "Print the OpenAPI document."),
    "config": Entry("service", "Show all settings, their values and their sources."),
}
"""In the order of the help. A command with a space in its name belongs to a group."""
