"""The console script: the group of all commands, and the exit code of each outcome."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

from orderkeep.bootstrap.documents import end_process_after
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.commands import COMMANDS
from orderkeep.entrypoints.cli.options import SESSION_OPTIONS
from orderkeep.entrypoints.cli.session import VARIABLES, Session
from orderkeep.entrypoints.logs import configure_cli_logging

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

HELP = """Place, track and manage orders.

Orders are stored in orders.db in the current directory; --store or ORDERKEEP_STORE selects another store. Documents are
stored in the directory documents; ORDERKEEP_DOCUMENTS selects another document store. With --remote or
ORDERKEEP_REMOTE, a server is used instead, with the API key in ORDERKEEP_API_KEY.

Output is a table on a terminal. Otherwise an order is printed as JSON, and a list as tab-separated lines without a
header. With --json, output is the JSON of the HTTP API, and errors are JSON on stderr. --as, --debug, --json,
--remote and --store can be given before or after the command.
"""

EPILOG = """Exit codes: 0 success, 1 internal error, 2 invalid usage, 3 not found, 4 rejected or conflict, 5 invalid
data, 7 store unavailable, rate limited or output not writable, 130 interrupted."""


_NO_CHANGE = "use `orderkeep edit ID` for tags and metadata; lines and amounts cannot be changed: cancel the order"
_SHOWN = "they are shown by `orderkeep get ID`"
SYNONYMS = {
    **dict.fromkeys(("find", "search", "show", "view"), "use `orderkeep get ID` or `orderkeep list`"),
    **dict.fromkeys(("update", "change"), _NO_CHANGE),
    **dict.fromkeys(("reopen", "uncancel"), "a cancelled order cannot be reopened: place a new one"),
    **dict.fromkeys(("pay", "payments add", "payments create"), "use `orderkeep payments record ID`"),
    **dict.fromkeys(("refund", "refunds create", "refunds record"), "use `orderkeep refunds add ID`"),
    **dict.fromkeys(("return", "returns add", "returns create"), "use `orderkeep returns request ID`"),
    **dict.fromkeys(("payments list", "refunds list", "returns list", "shipments list", "notes list"), _SHOWN),
    "invoice": "use `orderkeep receipt ID`",
    "notes delete": "notes cannot be deleted: use `orderkeep notes edit ID NOTE TEXT`",
    "undo": "use the opposite command, such as `orderkeep release ID` or `orderkeep refunds add ID`",
    **dict.fromkeys(("create", "add"), "use `orderkeep place`"),
    "delete": "orders cannot be deleted: use `orderkeep cancel ID`, or `orderkeep erase ID` for personal data",
    "log": "use `orderkeep history ID`",
    "help": "use `orderkeep --help`, or `orderkeep COMMAND --help`",
}
"""What to use instead of a word that is not a command."""


class CommandGroup(click.Group):
    """The commands whose names begin with a prefix; all others are not imported."""

    def __init__(self, prefix: str, **attributes: Any) -> None:
        names = [name.removeprefix(prefix) for name in COMMANDS if name.startswith(prefix)]
        self.rows = {name: COMMANDS[prefix + name] for name in names if " " not in name}
        commands = cast("dict[str, click.Command]", dict.fromkeys(self.rows))  # only names
        super().__init__(commands=commands, params=[*SESSION_OPTIONS], **attributes)
        self.prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # called by click with it
        return list(self.rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        row, name = self.rows.get(cmd_name), self.prefix + cmd_name
        if row is None:
            return None
        if not row.module:
            return CommandGroup(f"{name} ", name=cmd_name, help=f"{row.summary}\n\n{row.details}")
        module = import_module(f"orderkeep.entrypoints.cli.commands.{row.module}")
        if row.use_case:
            return cast("click.Command", module.change_command(name))
        return cast("click.Command", getattr(module, f"{name.replace(' ', '_').replace('-', '_')}_command"))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] not in self.rows and (hint := SYNONYMS.get(self.prefix + args[0])):
            raise click.UsageError(f"No such command {args[0]!r}: {hint}.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the summaries, which needs no import of the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in self.rows.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Return the commands and options that begin so, which needs no import of the commands."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=row.summary) for name, row in self.rows.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


class Orderkeep(CommandGroup):
    """The group of all commands. It always ends the process, with the exit code of the outcome."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command line; `obj` may be a `Session`."""
        session = extra.setdefault("obj", Session())
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)  # the code of a `click.exceptions.Exit`, or None
        except Exception as error:  # noqa: BLE001  # the one place that catches everything
            if isinstance(error, click.UsageError):  # then the options may not have been parsed
                session.as_json |= "--json" in (extra.get("args") or sys.argv)
            code = failures.report(error, session)
        sys.exit(code)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the options of the group, and handle `--help` and `--version`."""
        with _exit_on_broken_pipe():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command, and flush its output. Names of settings that do not exist are reported first."""
        if any(name.upper().startswith("ORDERKEEP_") and name not in VARIABLES for name in os.environ):
            from orderkeep.config import unknown_variables  # imports pydantic, which is slow

            for warning in unknown_variables():
                output.say(warning)
        with _exit_on_broken_pipe():
            super().invoke(ctx)
            output.flush()


@contextmanager
def _exit_on_broken_pipe() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        output.discard()
        raise click.exceptions.Exit(failures.BROKEN_PIPE) from None


cli = Orderkeep(
    "", name="orderkeep", help=HELP, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
click.version_option(package_name="orderkeep", message="%(prog)s %(version)s")(cli)


def main() -> NoReturn:
    """Run the command line of this process. A standard stream that is closed is treated as empty."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # open until the end
    configure_cli_logging()
    end_process_after(lambda: cli.main(prog_name="orderkeep"))
