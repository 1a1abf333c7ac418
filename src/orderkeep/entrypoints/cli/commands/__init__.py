"""The table of commands: the module and the one-line summary of each, in the order of the help.

A module is imported when one of its commands is called, so that a call loads only what it needs.
"""

from orderkeep.application.ports import StoreAccess

COMMANDS = {
    "serve": ("service", "Run the HTTP server."),
    "place": ("place", "Place an order."),
    "get": ("orders", "Show an order."),
    "list": ("orders", "List orders, newest first."),
    "confirm": ("orders", "Confirm a pending order and start processing it."),
    "ship": ("orders", "Mark an order in processing as shipped."),
    "deliver": ("orders", "Mark a shipped order as delivered."),
    "cancel": ("orders", "Cancel an order that has not been shipped."),
    "history": ("orders", "Show the change history of an order."),
    "receipt": ("documents", "Issue a receipt for an order and write it to a file."),
    "documents": ("documents", "List the documents of an order."),
    "verify": ("store", "Check the integrity of all orders and their history."),
    "checkpoint": ("store", "Record the state of the store, to detect later losses."),
    "migrate": ("store", "Create or upgrade the store's schema."),
    "backup": ("store", "Back up a SQLite store to a file."),
    "import": ("order_files", "Import orders from a JSON Lines or CSV file."),
    "export": ("order_files", "Export orders to a JSON Lines or CSV file."),
    "demo": ("demo", "Fill the store with sample orders."),
    "table": ("store", "Manage the table of a DynamoDB store."),
    "table create": ("store", "Create the table, or add missing indexes and settings."),
    "table describe": ("store", "Show the table's settings and report problems."),
    "keys": ("keys", "Manage API keys."),
    "keys create": ("keys", "Create an API key for staff or for a customer."),
    "keys list": ("keys", "List API keys, including expired and revoked keys."),
    "keys revoke": ("keys", "Revoke an API key permanently."),
    "openapi": ("service", "Print the OpenAPI document."),
    "completion": ("completion", "Print the tab completion script of a shell."),
    "config": ("service", "Show all settings, their values and their sources."),
}
"""A name with a space is a command of a group. The command is `<name>_command` in the module; without one,
`change_command` in the module returns the command that runs the use case `<name>_order`.
"""

ACCESS = {
    **dict.fromkeys(("serve", "place", "import", "demo", "migrate"), StoreAccess.CREATE),
    **dict.fromkeys(
        ("confirm", "ship", "deliver", "cancel", "receipt", "checkpoint", "keys create", "keys revoke"),
        StoreAccess.WRITE,
    ),
}
"""What a command may do to the store. All others only read it."""

WITHOUT_STORE = frozenset(
    {
        *("place", "get", "list", "confirm", "ship", "deliver", "cancel", "history", "receipt", "documents"),
        *("openapi", "completion", "config"),
    }
)
"""The commands that need no store: a server can run them instead (`--remote`), or they use no orders."""
