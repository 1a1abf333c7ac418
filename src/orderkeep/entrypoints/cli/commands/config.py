"""`orderkeep config`."""

from __future__ import annotations

import os

from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.session import STORE_FILE, Session

COLUMNS = ("setting", "value", "from")


@command("config")
def config_command(session: Session) -> None:
    """Show every setting, its value, and where it comes from.

    Settings come from options, then from the environment variables that are named here, then from defaults.
    Passwords are not shown. Without a terminal, prints a line for each, separated by tabs and without a header:
    setting, value, from.
    """
    from orderkeep.entrypoints.cli.settings import load_settings, shown, variable_of

    settings = load_settings(store=session.store_url)
    known = {name.upper() for name, value in os.environ.items() if value}
    rows = []
    for name in type(settings).model_fields:
        variable = variable_of(name)
        source = variable if variable in known else "default"
        if name == "store" and session.store is not None:
            source = "--store"
        elif name == "store" and STORE_FILE in known:
            source = STORE_FILE
        rows.append((name, shown(getattr(settings, name)), source))
    if session.as_json:
        output.write_json({name: {"value": value, "from": source} for name, value, source in rows})
    else:
        output.write_rows(session, COLUMNS, rows)
