"""The console script: the commands by name, and what becomes of everything that they raise."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.lazy import LazyGroup
from orderkeep.entrypoints.cli.options import session_options
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.logs import configure_cli_logging

HELP = """Keep orders.

The store is a file in this folder, orders.db, unless --store or ORDERKEEP_STORE names another. Receipts, and what is
exported into it, go to the folder documents here, unless ORDERKEEP_DOCUMENTS names another place.

On a terminal, orders come as tables; otherwise as bare data: an order as its JSON, a list as lines of
tab-separated values without a header. With --json, everything is the JSON that the HTTP API answers, and errors
are JSON on stderr. Options stand before or after the command.
"""

EPILOG = """Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 not found, 4 refused or in conflict, 5 invalid data,
7 the store, or a file to write, is not available, 9 torture saw a promise broken, 130 interrupted."""

COMMANDS = {
    "serve": "serve",
    "place": "place",
    "get": "get",
    "list": "list_orders",
    "confirm": "move",
    "ship": "move",
    "deliver": "move",
    "cancel": "move",
    "history": "history",
    "receipt": "receipt",
    "documents": "documents",
    "verify": "verify",
    "migrate": "migrate",
    "import": "import_orders",
    "export": "export_orders",
    "demo": "demo",
    "torture": "torture",
    "table": "table",
    "keys": "keys",
    "openapi": "openapi",
    "config": "config",
}
"""Each command, and the module under `commands` that it stands in, as `<name>_command`."""


class Orderkeep(LazyGroup):
    """The group of all commands. It ends the process with the exit code that fits, whatever happened."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command line; `obj` is the `Session`, if there is one already."""
        session = extra.setdefault("obj", Session())
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except Exception as error:  # noqa: BLE001  # the one place where everything ends up
            code = failures.report(error, session)
        sys.exit(code if isinstance(code, int) else 0)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options of the group, and answer `--help` and `--version`."""
        with _silent_where_nobody_reads():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and see that all it wrote has arrived."""
        with _silent_where_nobody_reads():
            result = super().invoke(ctx)
            output.flush()
            return result


@contextmanager
def _silent_where_nobody_reads() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        output.discard()
        raise click.exceptions.Exit(failures.BROKEN_PIPE) from None


cli = session_options(
    Orderkeep(
        "orderkeep",
        modules={name: f"orderkeep.entrypoints.cli.commands.{module}" for name, module in COMMANDS.items()},
        help=HELP,
        epilog=EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
)
click.version_option(package_name="orderkeep", message="%(prog)s %(version)s")(cli)


def main() -> NoReturn:
    """Run the command line of this process; a stream that it was started without is an empty one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # as long as the process
    configure_cli_logging()
    cli.main(prog_name="orderkeep")
