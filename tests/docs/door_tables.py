"""The tables of the reference that are made from the entrypoints: commands, operations, errors, settings."""

import inspect
from collections.abc import Iterable, Iterator

import click

from orderkeep.application import errors as application_errors
from orderkeep.application.strict_json import MAX_DEPTH, MAX_NUMBER_LENGTH
from orderkeep.config import Settings
from orderkeep.domain import exceptions
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.http1 import limits as http1_limits
from orderkeep.entrypoints.api.problems import status_of
from orderkeep.entrypoints.api.routing import MAX_PARAMETERS
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.cli.commands.place import LARGEST_ORDER
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.field_errors import MOST_ERRORS
from orderkeep.entrypoints.logs import FIELDS
from orderkeep.entrypoints.order_files import reading, rows
from tests.docs.core_tables import Rows

HELP_WIDTH = 100


def commands() -> Rows:
    context = click.Context(cli)
    rows: Rows = [("command", "what it does")]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        rows.append((f"[`{name}`](#{name})", command.get_short_help_str(limit=200)))
    return rows


def help_texts() -> str:
    names = cli.context_settings["help_option_names"]
    context = click.Context(
        cli,
        info_name="orderkeep",
        max_content_width=HELP_WIDTH,
        terminal_width=HELP_WIDTH,
        help_option_names=names,
    )
    return "\n".join(part for name in cli.list_commands(context) for part in _helps(context, cli, name, "###"))


def _helps(parent: click.Context, group: click.Group, name: str, heading: str) -> Iterator[str]:
    """Yield the help of a command, and of those below it."""
    command = group.get_command(parent, name)
    assert command is not None
    context = click.Context(
        command, parent=parent, info_name=name, max_content_width=HELP_WIDTH, terminal_width=HELP_WIDTH
    )
    title = context.command_path.removeprefix("orderkeep ")
    yield f"{heading} {title}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _helps(context, command, below, f"{heading}#")


def settings() -> Rows:
    rows: Rows = [("variable", "default", "what it is")]
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} needs a description"
        default = str(field.get_default()).replace("False", "false")
        rows.append((f"`ORDERKEEP_{name.upper()}`", f"`{default}`" if default else "none", field.description))
    return rows


def errors() -> Rows:
    rows: Rows = [("code", "HTTP", "exit code", "title", "when")]
    for kind in _kinds():
        words = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        rows.append((f"`{kind.code}`", str(int(status_of(kind))), str(_exit_code_of(kind)), kind.title, words))
    return rows


CONNECTION_BOUNDS = {
    "MAX_TARGET_BYTES": "bytes of a request target; 414 beyond",
    "MAX_HEADERS": "headers of a request; 431 beyond",
    "MAX_HEAD_BYTES": "bytes of all headers; 431 beyond",
    "MAX_PIPELINED": "requests sent ahead while one is in progress; the connection closes after the last",
    "HEAD_SECONDS": "seconds for a head, and of silence before the first; 408 beyond, or just the end",
    "BODY_PAUSE_SECONDS": "seconds that a body may be late; 408 beyond",
    "BYTES_PER_SECOND": "bytes a second of a body on average after that, and of a response that is read",
    "BODY_SECONDS": "seconds for a whole body, however fast; 408 beyond",
    "RESPONSE_PAUSE_SECONDS": "seconds for which a response may remain unread",
    "KEEP_ALIVE_SECONDS": "seconds of silence after a response",
    "LINGER_SECONDS": "seconds in which data that still arrives is discarded before a connection closes",
    "SWEEP_SECONDS": "seconds between two checks of these times",
}


def connection_bounds() -> Rows:
    values = {name: value for name, value in vars(http1_limits).items() if name.isupper()}
    assert CONNECTION_BOUNDS.keys() == values.keys(), "each bound needs its words here, and no other"
    rows: Rows = [("what", "bound", "in `entrypoints/api/http1/limits.py`")]
    return rows + [(CONNECTION_BOUNDS[name], f"{value:,g}", f"`{name}`") for name, value in values.items()]


def operations() -> Rows:
    document = create_app(Settings(store="memory://")).openapi()
    rows: Rows = [("request", "what it does", "answers")]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answers = ", ".join(sorted(operation["responses"]))
            rows.append((f"`{method.upper()} {path}`", operation["summary"], answers))
    return rows


def limits_of_input() -> Rows:
    most_bytes = Settings.model_fields["max_body_bytes"].default
    return [
        ("what", "bound", "past it"),
        ("bytes of a request's body (`ORDERKEEP_MAX_BODY_BYTES`)", f"{most_bytes:,}", "413 `body_too_large`"),
        ("levels of arrays and objects in JSON", f"{MAX_DEPTH}", "400 `malformed_json`"),
        ("digits of a number in JSON", f"{MAX_NUMBER_LENGTH}", "400 `malformed_json`"),
        ("query parameters", f"{MAX_PARAMETERS}", "422 `invalid_query`"),
        ("errors that one answer tells", f"{MOST_ERRORS}", "the rest is not told"),
        ("bytes of a line of a file to import", f"{reading.LONGEST_LINE:,}", "`line_too_long`"),
        ("characters of a record of a CSV file", f"{rows.LONGEST_RECORD:,}", "`malformed_csv`"),
        ("characters of a CSV file's rows of one order", f"{rows.LARGEST_ORDER:,}", "`order_too_large`"),
        ("bytes of the order that `place --data` reads", f"{LARGEST_ORDER:,}", "`too_large`"),
    ]


def log_fields() -> Rows:
    return [("field", "description"), *((f"`{name}`", field.description) for name, field in FIELDS.items())]


def _kinds() -> Iterable[type[OrderkeepError]]:
    """Return the exception class of each code, in the order in which the modules define them."""
    by_code: dict[str, type[OrderkeepError]] = {}
    for module in (exceptions, application_errors, exceptions):  # where a code is shared, the domain's own class counts
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, OrderkeepError) and found is not OrderkeepError:
                by_code[found.code] = found
    return by_code.values()


def _exit_code_of(kind: type[Exception]) -> int:
    return next(code for parent, code, _ in failures.OUTCOMES if issubclass(kind, parent))
