"""How commands are declared: their help, the options that they share, and the types of option values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from functools import wraps
from inspect import cleandoc
from pathlib import PurePath
from typing import Any, TypeVar

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import OrderFilter, utc_now
from orderkeep.domain.entities import OrderStatus
from orderkeep.domain.value_objects import in_utc
from orderkeep.entrypoints.cli.commands import COMMANDS
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

C = TypeVar("C", bound=Callable[..., Any] | click.Command)


def command(name: str, details: str = "") -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command. It gets the `Session` first, then its options. The help is the summary in `COMMANDS`,
    then the details.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        plain = click.command(name.rpartition(" ")[2], help=_help(name, details))
        return session_options(plain(click.make_pass_decorator(Session)(function)))

    return decorate


def command_group(name: str, details: str, *commands: click.Command) -> click.Group:
    """Return a group of commands."""
    return session_options(click.Group(name, list(commands), help=_help(name, details)))


def _help(name: str, details: str) -> str:
    return f"{COMMANDS[name].summary}\n\n{cleandoc(details)}"


class Text(click.ParamType[str]):
    """A non-empty text of valid UTF-8."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text:
            self.fail("must not be empty", param, ctx)
        if not text.isprintable() and re.search("[\ud800-\udfff]", text):
            self.fail("must be valid UTF-8", param, ctx)
        return text


class Instant(click.ParamType[datetime]):
    """A date, or a date and time, in ISO 8601; without an offset it is UTC."""

    name = "time"
    expected = "a date or a time such as 2026-11-22 or 2026-11-22T10:00:00Z"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return in_utc(datetime.fromisoformat(str(value)))
        except (ValueError, OverflowError):
            self.fail(f"must be {self.expected}", param, ctx)


_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


class Expiry(Instant):
    """A number of days or hours from now, or a time."""

    name = "90d|time"
    expected = f"a duration such as 90d or 12h, {Instant.expected}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        given = re.fullmatch(r"([0-9]{1,7})([dh])", str(value))
        if given is None:
            return super().convert(value, param, ctx)
        try:
            return utc_now() + int(given[1]) * _UNITS[given[2]]
        except OverflowError:
            self.fail("must end before the year 10000", param, ctx)


TEXT = Text()
INSTANT = Instant()
EXPIRY = Expiry()
STATUS = click.Choice([status.value for status in OrderStatus])


def session_options(command: C) -> C:
    """Add the options that all commands and groups have; they are stored in the `Session`."""

    def store_in_session(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        session = ctx.ensure_object(Session)
        if value and param.name == "store":
            session.store = value
        elif value and param.name == "as_json":
            session.as_json = True
        elif value:
            session.debug = True

    shared: dict[str, Any] = {"expose_value": False, "callback": store_in_session, "is_eager": True}
    store_help = "Store URL, such as sqlite:///orders.db (or set ORDERKEEP_STORE)."
    debug_help = "Print tracebacks (or set ORDERKEEP_DEBUG=1)."
    for option in (
        click.option("--debug", is_flag=True, envvar="ORDERKEEP_DEBUG", help=debug_help, **shared),
        click.option("--json", "as_json", is_flag=True, help="Print the JSON of the HTTP API.", **shared),
        click.option("--store", type=TEXT, metavar="URL", help=store_help, **shared),
    ):
        command = option(command)
    return command


def request_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a request that changes an order. The command gets them as one `request`."""

    @wraps(function)
    def run(*args: Any, key: str | None, expected_version: int | None, dry_run: bool, **options: Any) -> None:
        function(*args, request=request_of(key, expected_version, dry_run=dry_run), **options)

    for option in (
        click.option("--dry-run", is_flag=True, help="Show the result without writing it."),
        click.option(
            "--expected-version", type=click.IntRange(min=1), metavar="N", help="Fail unless the order is at version N."
        ),
        click.option("--key", type=TEXT, help="Idempotency key: makes the request safe to retry."),
    ):
        run = option(run)
    return run


def request_of(key: str | None, expected_version: int | None, *, dry_run: bool) -> CommandContext:
    """Return the context of a command, for the use case."""
    return CommandContext(actor=CLI_ACTOR, key=key, expected_version=expected_version, dry_run=dry_run)


FILTERS = (
    click.option("--to", "created_to", type=INSTANT, help="Only orders created before this time."),
    click.option("--from", "created_from", type=INSTANT, help="Only orders created at or after this time."),
    click.option("--external-ref", type=TEXT, metavar="REF", help="Only orders with this external reference."),
    click.option("--tag", type=TEXT, metavar="TAG", help="Only orders with this tag."),
    click.option("--status", type=STATUS, help="Only orders in this status."),
    click.option("--user", "user_id", type=TEXT, metavar="ID", help="Only orders of this user."),
)


def filter_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the filters of a list of orders. The command gets them as one `where`."""
    names = [field.name for field in fields(OrderFilter)]

    @wraps(function)
    def run(*args: Any, **options: Any) -> None:
        function(*args, where=OrderFilter(**{name: options.pop(name) for name in names}), **options)

    for option in FILTERS:
        run = option(run)
    return run


def format_option(function: C) -> C:
    """Add the format of a file of orders, as `format_name`."""
    help_text = "File format. Default: from the file extension."
    return click.option("--format", "format_name", type=click.Choice(["jsonl", "csv"]), help=help_text)(function)


def format_of(path: str) -> str:
    """Return the format of a file, by its extension. Raises `click.UsageError` if the extension is unknown."""
    found = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(PurePath(path).suffix.lower())
    if found is None:
        raise click.UsageError(f"the format of {path} is not clear from its extension: use --format jsonl or csv.")
    return found
