"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import OrderFilter, utc_now
from orderkeep.domain.status import OrderStatus
from orderkeep.domain.value_objects import in_utc
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

C = TypeVar("C", bound=Callable[..., Any] | click.Command)


class Text(click.ParamType[str]):
    """A text that is there, and is one: bytes that are no UTF-8 are refused."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text:
            self.fail("must not be empty", param, ctx)
        if not text.isprintable() and re.search("[\ud800-\udfff]", text):
            self.fail("must be valid UTF-8", param, ctx)
        return text


class Instant(click.ParamType[datetime]):
    """A date, or a date and time, as in RFC 3339; without an offset it is UTC."""

    name = "instant"
    wanted = "a date or a time such as 2026-11-22 or 2026-11-22T10:00:00Z"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return in_utc(datetime.fromisoformat(str(value)))
        except (ValueError, OverflowError):
            self.fail(f"must be {self.wanted}", param, ctx)


_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1)}


class Expiry(Instant):
    """So many days or hours from now, or an instant."""

    name = "90d|instant"
    wanted = f"so many days or hours, such as 90d or 12h, {Instant.wanted}"

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


def session_options(command: C) -> C:
    """Give a command, or the group of all, the options that all share."""

    def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        session = ctx.ensure_object(Session)
        if value:
            setattr(session, str(param.name), value)

    shared: dict[str, Any] = {"expose_value": False, "callback": keep, "is_eager": True}
    which = "Which store, such as sqlite:///orders.db; also ORDERKEEP_STORE."
    where = "Show where errors come from; also ORDERKEEP_DEBUG=1."
    for option in (
        click.option("--debug", is_flag=True, envvar="ORDERKEEP_DEBUG", help=where, **shared),
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON, as HTTP does.", **shared),
        click.option("--store", type=TEXT, metavar="URL", help=which, **shared),
    ):
        command = option(command)
    return command


def request_options(function: C) -> C:
    """Give a command the conditions of a request; it gets them as one `request`."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Show what would happen, and write nothing."),
        click.option(
            "--expected-version", type=click.IntRange(min=1), metavar="N", help="Refuse unless the order is at it."
        ),
        click.option("--key", type=TEXT, help="Idempotency key: the same request with it has one effect."),
    ):
        function = option(function)
    return function


def request_of(key: str | None, expected_version: int | None, *, dry_run: bool) -> CommandContext:
    """Return the conditions as the use cases take them."""
    return CommandContext(actor=CLI_ACTOR, key=key, expected_version=expected_version, dry_run=dry_run)


def filter_options(function: C) -> C:
    """Give a command the filters of a list; `filter_of` makes one of them."""
    for option in (
        click.option("--to", "created_to", type=INSTANT, help="Created before this instant."),
        click.option("--from", "created_from", type=INSTANT, help="Created at this instant or later."),
        click.option("--external-ref", type=TEXT, metavar="REF", help="With this number of your own."),
        click.option("--tag", type=TEXT, metavar="TAG", help="With this tag."),
        click.option("--status", type=click.Choice([status.value for status in OrderStatus]), help="In this status."),
        click.option("--user", "user_id", type=TEXT, metavar="ID", help="Of this user."),
    ):
        function = option(function)
    return function


def filter_of(options: dict[str, Any]) -> OrderFilter:
    """Return the filter that the options ask for."""
    return OrderFilter(**{name: value for name, value in options.items() if name in OrderFilter.__slots__})


def format_option(function: C) -> C:
    """Give a command that reads or writes a file of orders its `format_name`."""
    help_text = "jsonl or csv; by default what the file's name ends in."
    option = click.option("--format", "format_name", type=click.Choice(["jsonl", "csv"]), help=help_text)
    return option(function)
