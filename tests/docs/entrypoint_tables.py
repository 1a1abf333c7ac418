"""The tables of the reference that are made from the entrypoints: commands, operations, errors, settings."""

from collections.abc import Iterable, Iterator

import click

from orderkeep.application.errors import Overloaded, TooManyRequests
from orderkeep.application.event_feed import MOST_WAITING, MOST_WAITING_OF_AN_ACTOR
from orderkeep.application.strict_json import MAX_DEPTH, MAX_NUMBER_LENGTH, InvalidJSON
from orderkeep.application.use_cases.issue_receipt import MOST_AT_ONCE, MOST_OF_AN_ACTOR
from orderkeep.bootstrap.access import BURST_SECONDS
from orderkeep.config import Settings
from orderkeep.domain.exceptions import OrderkeepError
from orderkeep.entrypoints.api.app import create_app
from orderkeep.entrypoints.api.http1 import limits as http1_limits
from orderkeep.entrypoints.api.problems import PROBLEMS, status_of
from orderkeep.entrypoints.api.routing import MAX_PARAMETERS
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.cli.commands.place import LARGEST_ORDER
from orderkeep.entrypoints.cli.main import cli
from orderkeep.entrypoints.field_errors import MOST_ERRORS, InvalidFields
from orderkeep.entrypoints.logs import FIELDS
from orderkeep.entrypoints.order_files import reading, rows
from tests.docs.core_tables import Rows
from tests.domain.exception_classes import exception_classes

HELP_WIDTH = 100


def commands() -> Rows:
    context = click.Context(cli)
    rows: Rows = [("command", "description")]
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


EVERYTHING, SERVER, LAMBDA = "everything", "`serve`", "Lambda"
BOTH = f"{SERVER}, {LAMBDA}"
SETTINGS: dict[str, dict[str, str]] = {
    "storage": {
        "store": EVERYTHING,
        "moved_to": EVERYTHING,
        "documents": EVERYTHING,
        "seller": EVERYTHING,
        "auto_migrate": EVERYTHING,
        "events": f"{SERVER}, `relay`, Lambda",
    },
    "policies": {
        "confirm_requires": EVERYTHING,
        "ship_requires": EVERYTHING,
        "auto_confirm": EVERYTHING,
        "expire_after_hours": "`expire`, Lambda",
    },
    "webhooks": {"relay": SERVER, "webhook_retry_schedule": f"{SERVER}, `relay`, Lambda"},
    "server": {
        "host": SERVER,
        "port": SERVER,
        "workers": SERVER,
        "root_path": BOTH,
        "drain_seconds": SERVER,
        "shutdown_seconds": SERVER,
    },
    "authentication": {
        "auth": BOTH,
        "jwt_issuer": BOTH,
        "jwt_audience": BOTH,
        "jwt_jwks_url": BOTH,
        "jwt_algorithms": BOTH,
        "jwt_user_claim": BOTH,
        "jwt_scopes_claim": BOTH,
        "jwt_scopes": BOTH,
        "jwt_max_lifetime_seconds": BOTH,
        "oidc_client_id": SERVER,
        "oidc_client_secret_file": SERVER,
        "oidc_scopes": SERVER,
        "oidc_parameters": SERVER,
        "iam_scopes": LAMBDA,
    },
    "limits": {
        "rate_limit": BOTH,
        "rate_limit_per_address": BOTH,
        "max_body_bytes": BOTH,
        "max_concurrency": SERVER,
        "max_connections": SERVER,
    },
    "browsers": {"console": SERVER, "console_origin": SERVER, "cors_origins": BOTH, "hsts_seconds": BOTH},
    "logging": {"access_log": BOTH, "log_format": BOTH, "log_level": BOTH},
}
"""The settings by table, each with what it applies to."""


def settings(table: str) -> Rows:
    assert {name for names in SETTINGS.values() for name in names} == Settings.model_fields.keys(), "add it to SETTINGS"
    rows: Rows = [("variable", "default", "applies to", "description")]
    for name, applies_to in SETTINGS[table].items():
        field = Settings.model_fields[name]
        assert field.description, f"{name} needs a description"
        default = str(field.get_default()).lower() if field.annotation is bool else str(field.get_default())
        shown = f"`{default}`" if default else "none"
        rows.append((f"`ORDERKEEP_{name.upper()}`", shown, applies_to, field.description))
    return rows


def errors() -> Rows:
    kinds = {kind.code: kind for kind in kinds_of_error()}
    rows: Rows = [("code", "HTTP", "exit code", "title")]
    for code, kind in kinds.items():
        status = "" if code in COMMAND_LINE_ONLY else str(int(status_of(kind)))
        rows.append((f"[`{code}`](#{code})", status, str(_exit_code_of(kind)), kind.title))
    for code, (problem_status, title, _) in PROBLEMS.items():
        if code not in kinds:
            exit_code = str(failures.INVALID) if code in (InvalidFields.code, InvalidJSON.code) else ""
            rows.append((f"[`{code}`](#{code})", str(problem_status), exit_code, title))
    return rows


COMMAND_LINE_ONLY = {
    "unknown_scope",
    "scopes_missing",
    "scopes_not_taken",
    "expiry_passed",
    "api_key_not_found",
    "ambiguous_order",
}
"""Codes that no HTTP operation responds with."""


CONNECTION_BOUNDS = {
    "MAX_TARGET_BYTES": "bytes of a request target; otherwise 414",
    "MAX_HEADERS": "headers of a request; otherwise 431",
    "MAX_HEAD_BYTES": "bytes of all headers; otherwise 431",
    "MAX_PIPELINED": "pipelined requests while one is in progress; the connection is closed after the last",
    "MAX_UNSENT_BYTES": "unsent bytes of all connections; the one that has been unread for longest is closed",
    "HEAD_SECONDS": "seconds to receive a head; otherwise 408, or a closed connection if nothing arrived",
    "BODY_PAUSE_SECONDS": "seconds that a body may take, plus one for each 1,024 bytes that arrived; otherwise 408",
    "BYTES_PER_SECOND": "bytes per second, as a minimum, of a body after that and of a response",
    "BODY_SECONDS": "seconds to receive a whole body at any rate; otherwise 408",
    "RESPONSE_PAUSE_SECONDS": "seconds for which a response may remain unread, and over which its rate is measured",
    "RESPONSE_SECONDS": "seconds in which a client must read a whole response, at least at the rate that this requires",
    "KEEP_ALIVE_SECONDS": "seconds for which a connection may be idle after a response",
    "LINGER_SECONDS": "seconds for which arriving data is discarded before a connection is closed",
    "APPLICATION_SECONDS": "seconds from a complete request to the first byte of its response; otherwise 503",
    "SWEEP_SECONDS": "seconds between two checks of these times",
}


def connection_bounds() -> Rows:
    values = {name: value for name, value in vars(http1_limits).items() if name.isupper()}
    assert CONNECTION_BOUNDS.keys() == values.keys(), "describe each limit in CONNECTION_BOUNDS, and no other"
    rows: Rows = [("limit of", "value", "constant in `entrypoints/api/http1/limits.py`")]
    return rows + [(CONNECTION_BOUNDS[name], f"{value:,.15g}", f"`{name}`") for name, value in values.items()]


def rate_limits() -> Rows:
    actor, address = (Settings.model_fields[name].default for name in ("rate_limit", "rate_limit_per_address"))
    public = "[public paths](authentication.md#public-paths)"
    return [
        ("setting", "default", "burst", "requests per second of"),
        (
            "`ORDERKEEP_RATE_LIMIT`", f"{actor:,}", f"{actor * BURST_SECONDS:,}",
            "one actor: a staff API key, a customer, or the owner of an access token",
        ),
        (
            "`ORDERKEEP_RATE_LIMIT_PER_ADDRESS`", f"{address:,}", f"{address * BURST_SECONDS:,}",
            f"one client address, including requests for {public} and with missing or invalid credentials",
        ),
    ]  # fmt: skip


def overload() -> Rows:
    requests, connections = (Settings.model_fields[name].default for name in ("max_concurrency", "max_connections"))
    return [
        ("setting", "default", "above it"),
        (
            "`ORDERKEEP_MAX_CONCURRENCY`", f"{requests:,} requests in progress",
            f"503 `{Overloaded.code}` at once, with `Retry-After: {Overloaded.retry_after}`",
        ),
        (
            "`ORDERKEEP_MAX_CONNECTIONS`", f"{connections:,} open connections",
            f"the connection that has been idle longest is closed; if none is idle, 503 `{Overloaded.code}`",
        ),
    ]  # fmt: skip


def receipts() -> Rows:
    busy, full = TooManyRequests.code, Overloaded.code
    wait = f"with `Retry-After: {Overloaded.retry_after}`"
    return [
        ("limit", "above it"),
        (f"{MOST_OF_AN_ACTOR} receipts in progress of one actor", f"429 `{busy}`, {wait}"),
        (
            f"{MOST_AT_ONCE} receipts in progress of all actors",
            f"503 `{full}`, {wait}; other requests are not affected",
        ),
    ]


def waiting() -> Rows:
    wait = f"with `Retry-After: {Overloaded.retry_after}`"
    return [
        ("limit", "above it"),
        (
            f"{MOST_WAITING_OF_AN_ACTOR} requests that wait, and streams, of one actor",
            f"429 `{TooManyRequests.code}`, {wait}",
        ),
        (f"{MOST_WAITING} of all actors", f"503 `{Overloaded.code}`, {wait}; other requests are not affected"),
    ]


def operations() -> Rows:
    document = create_app(Settings(store="memory://")).openapi()
    rows: Rows = [("operation", "description", "status codes")]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            statuses = ", ".join(sorted(operation["responses"]))
            rows.append((f"`{method.upper()} {path}`", operation["summary"], statuses))
    return rows


def limits_of_input() -> Rows:
    most_bytes = Settings.model_fields["max_body_bytes"].default
    return [
        ("limit of", "value", "above it"),
        ("bytes of a request body (`ORDERKEEP_MAX_BODY_BYTES`)", f"{most_bytes:,}", "413 `body_too_large`"),
        ("nested levels of arrays and objects in JSON", f"{MAX_DEPTH}", "400 `malformed_json`"),
        ("digits of a number in JSON", f"{MAX_NUMBER_LENGTH}", "400 `malformed_json`"),
        ("query parameters", f"{MAX_PARAMETERS}", "422 `invalid_query`"),
        ("errors in one response", f"{MOST_ERRORS}", "the rest is omitted"),
        ("bytes of a line of an imported file", f"{reading.LONGEST_LINE:,}", "`line_too_long`"),
        ("characters of a record of a CSV file", f"{rows.LONGEST_RECORD:,}", "`record_too_long`"),
        ("characters of the rows of one order in a CSV file", f"{rows.LARGEST_ORDER:,}", "`order_too_large`"),
        ("bytes of the order that `place --data` reads", f"{LARGEST_ORDER:,}", "`too_large`"),
    ]


def log_fields() -> Rows:
    return [("field", "description"), *((f"`{name}`", field.description) for name, field in FIELDS.items())]


def kinds_of_error() -> Iterable[type[OrderkeepError]]:
    """Return the exception class of each code, in the order in which the modules define them."""
    found = [kind for kind in exception_classes() if kind is not OrderkeepError]
    by_code = {kind.code: kind for kind in found}
    by_code |= {kind.code: kind for kind in found if kind.__module__.startswith("orderkeep.domain.")}  # if it is shared
    return by_code.values()


def _exit_code_of(kind: type[Exception]) -> int:
    return next(code for parent, code, _ in failures.OUTCOMES if issubclass(kind, parent))
