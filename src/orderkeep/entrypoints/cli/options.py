"""The options that commands share, and the types of option values."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import fields
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from functools import wraps
from pathlib import PurePath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.ports import OrderFilter, utc_now
from orderkeep.application.use_cases.list_orders import DEFAULT_PAGE, LARGEST_PAGE
from orderkeep.domain.lifecycle import OrderStatus
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import PaymentStatus
from orderkeep.domain.personal_data import Address
from orderkeep.domain.returns import ReturnedUnits, ReturnStatus
from orderkeep.domain.shipments import ShippingStatus
from orderkeep.domain.value_objects import in_utc
from orderkeep.entrypoints.cli.plain_text import say
from orderkeep.entrypoints.cli.session import actor_name

LONGEST_QUANTITY = 7
"""Digits of the largest quantity."""

_DAY_FIRST = re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})")
_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def rows_help(columns: tuple[str, ...]) -> str:
    """Return the help for the rows of a command."""
    return f"Without a terminal, prints tab-separated lines without a header: {', '.join(columns)}."


TIME_HELP = (
    "TIME is a date, which means its start at 00:00, or a date and time, such as 2026-11-22 or "
    "2026-11-22T10:00:00+01:00. Without an offset, it is in the time zone of --timezone, by default UTC."
)


def text(value: str) -> str:
    """Return a non-empty text of valid UTF-8."""
    if not value:
        raise click.BadParameter("must not be empty")
    if not value.isprintable() and re.search("[\ud800-\udfff]", value):
        raise click.BadParameter("must be valid UTF-8")
    return value


def line_units(value: str) -> LineQuantity:
    """Return a number of units of a line: `l1=2`."""
    line, _, quantity = value.rpartition("=")
    if not line or not (quantity.isascii() and quantity.isdigit() and len(quantity) <= LONGEST_QUANTITY):
        raise click.BadParameter("must be the ID of a line, = and a number of units, such as l1=2")
    return LineQuantity(text(line), int(quantity))


def returned_units(value: str) -> ReturnedUnits:
    """Return units of a line, and their condition if one follows: `l1=2,scratched`."""
    units, _, condition = value.partition(",")
    found = line_units(units)
    return ReturnedUnits(found.line, found.quantity, text(condition.strip()) if condition else None)


ADDRESS_FIELDS = tuple(each.name for each in fields(Address))


def address_part(value: str) -> tuple[str, str]:
    """Return a field of an address and its value: `city=Leeds`."""
    name, equals, part = value.partition("=")
    if not (equals and part) or name not in ADDRESS_FIELDS:
        raise click.BadParameter(f"must be KEY=VALUE, with a KEY of {', '.join(ADDRESS_FIELDS)}")
    return name, text(part)


def key_values(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """Return the values by key of texts such as `channel=web`."""
    pairs = [each.partition("=") for each in texts]
    if not all(equals for _, equals, _ in pairs):
        raise click.BadParameter("must be KEY=VALUE", param_hint=option)
    values = {key: value for key, _, value in pairs}
    if len(values) < len(pairs):
        raise click.BadParameter("must not repeat a key", param_hint=option)
    return values


class Choice(click.Choice[str]):
    """One of several words. The message about another word suggests the nearest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        from difflib import get_close_matches

        nearest = get_close_matches(str(value).lower(), self.choices, n=1, cutoff=0.7)
        return super().get_invalid_choice_message(value, ctx) + "".join(f" Did you mean {each!r}?" for each in nearest)


def time(value: str, expected: str = "") -> datetime:
    """Return a date, or a date and time, in ISO 8601; without an offset it is UTC."""
    return in_utc(local_time(value, expected))


def local_time(value: str, expected: str = "") -> datetime:
    """Return a date, or a date and time, in ISO 8601; without an offset it is naive."""
    try:
        moment = datetime.fromisoformat(value)
        in_utc(moment)  # raises an error if its offset leads beyond the years 1 to 9999
    except (ValueError, OverflowError):
        expected += "a date or a time such as 2026-11-22 or 2026-11-22T10:00:00Z"
        missing = ": this day does not exist" if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) else ""
        nearest = f": write it as {like}" if (like := _iso_date(value)) else missing
        raise click.BadParameter(f"must be {expected}{nearest}") from None
    return moment


def _iso_date(value: str) -> str:
    """Return the date that is meant by one such as 30.11.2026 or 2026-11-3; "" if that is not clear."""
    found = _DAY_FIRST.fullmatch(value) or _YEAR_FIRST.fullmatch(value)
    if found is not None:
        with suppress(ValueError):
            return date(*(int(found[part]) for part in ("year", "month", "day"))).isoformat()
    return ""


def timezone(name: str) -> ZoneInfo:
    """Return the time zone with this name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise click.BadParameter("must be a time zone, such as Europe/Berlin") from None


def in_zone(moment: datetime | None, zone: ZoneInfo | None) -> datetime | None:
    """Return the time in UTC. Without an offset, it is in the zone."""
    if moment is None or moment.tzinfo is not None or zone is None:
        return moment and in_utc(moment)
    try:
        return in_utc(moment.replace(tzinfo=zone))
    except OverflowError:
        raise click.UsageError("a time is out of range in the time zone of --timezone.") from None


def _store_zone(ctx: click.Context, param: click.Parameter, zone: ZoneInfo | None) -> ZoneInfo | None:  # noqa: ARG001
    ctx.obj.zone = zone
    return zone


def expiry(value: str) -> datetime:
    """Return the time after a number of days or hours, or a time."""
    duration = re.fullmatch(r"([0-9]{1,7})([dh])", value)
    if duration is None:
        return time(value, "a duration such as 90d or 12h, ")
    try:
        return utc_now() + int(duration[1]) * timedelta(hours=24 if duration[2] == "d" else 1)
    except OverflowError:
        raise click.BadParameter("must end before the year 10000") from None


def format_of(file: str, given: str | None, extensions: Mapping[str, str], default: str | None = None) -> str:
    """Return the format that `--format` or the extension of a file selects; both must agree. `-` has only a default."""
    found = default if file == "-" else extensions.get(PurePath(file).suffix.lower())
    if given and found not in (given, None) and file != "-":
        raise click.UsageError(f"--format {given} does not match {file}.")
    if chosen := given or found:
        return chosen
    formats = " or ".join(dict.fromkeys(extensions.values()))
    raise click.UsageError(f"the format of {file} is not clear from its extension: use --format {formats}.")


def trimmed_text(value: str) -> str:
    """Return a text without the spaces around it, which are often copied with an ID."""
    return text(value.strip())


ORDER_ID = click.argument("order_id", metavar="ID", type=trimmed_text)


def _store_in_session(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    ctx.obj.options = {each.name: max(each.opts, key=len) for each in ctx.command.params if each.opts[0][0] == "-"}
    if value and param.name:
        setattr(ctx.obj, param.name, value)


_STORED: dict[str, Any] = {"expose_value": False, "callback": _store_in_session, "is_eager": True}
_AS_HELP = "Name that the history records as staff:NAME (or set ORDERKEEP_ACTOR). Default: the login name."
_DEBUG_HELP = "Print tracebacks (or set ORDERKEEP_DEBUG=1)."
_REMOTE_HELP = "URL of a server to use instead of a store (or set ORDERKEEP_REMOTE)."
_STORE_HELP = "Store URL, such as sqlite:///orders.db (or set ORDERKEEP_STORE)."
SESSION_OPTIONS = (
    click.Option(["--as", "as_name"], type=actor_name, metavar="NAME", help=_AS_HELP, **_STORED),
    click.Option(["--debug"], is_flag=True, envvar="ORDERKEEP_DEBUG", help=_DEBUG_HELP, **_STORED),
    click.Option(["--json", "as_json"], is_flag=True, help="Print the JSON of the HTTP API.", **_STORED),
    click.Option(["--remote"], type=text, metavar="URL", help=_REMOTE_HELP, **_STORED),
    click.Option(["--store"], type=text, metavar="URL", help=_STORE_HELP, **_STORED),
)
"""The options of all commands and groups; they are stored in the `Session`."""

WITHOUT_STORE = ("openapi", "new", "completion")
WITHOUT_ACTOR = ("serve", "stats", "checkpoint", "migrate", "copy", "move", "demo", "relay")
"""The commands that write to a store, but nothing to the history of an order."""


def session_options(name: str, *, needs_store: bool, writes: bool) -> list[click.Option]:
    """Return the options of all commands for one of them. Those without an effect on it are accepted, because they can
    be given before any command, but are not in its help.
    """
    hidden = {
        "store": name in WITHOUT_STORE,
        "remote": needs_store or name in WITHOUT_STORE,
        "as_name": not writes or name in WITHOUT_ACTOR,
    }
    found = [copy(option) for option in SESSION_OPTIONS]
    for option in found:
        option.hidden = hidden.get(option.name or "", False)
    return found


def grouped_options(parameter: str, build: Callable[..., Any], **options: Decorator) -> Decorator:
    """Add several options, whose values the command gets as one parameter, built from them."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)  # with the options that were added before
        def run(*args: Any, **values: Any) -> None:
            built = build(**{name: values.pop(name) for name in options})
            function(*args, **{parameter: built}, **values)

        decorated: Callable[..., None] = run
        for option in reversed(options.values()):
            decorated = option(decorated)
        return decorated

    return decorate


def _context(**conditions: Any) -> CommandContext:
    return CommandContext(actor=click.get_current_context().obj.actor, **conditions)


KEY = click.option(
    "--key", type=text, help="Idempotency key: a command that is run again with the same key takes effect once."
)
_VERSION_HELP = "Fail unless the order is at version N."
_VERSION = click.option("--expected-version", type=click.IntRange(min=1), metavar="N", help=_VERSION_HELP)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show the result without writing it.")

new_order_options = grouped_options("request", _context, key=KEY, dry_run=_DRY_RUN)
"""The options of a request that creates an order, which has no version yet."""

request_options = grouped_options("request", _context, key=KEY, expected_version=_VERSION, dry_run=_DRY_RUN)
"""The options of a request that changes an order."""


def _personal_data(
    customer_name: str | None,
    email: str | None,
    phone: str | None,
    ship_to: tuple[tuple[str, str], ...],
    bill_to: tuple[tuple[str, str], ...],
) -> dict[str, dict[str, str]]:
    """Return the given values by part. Messages about them name the options."""
    click.get_current_context().obj.options |= {
        "customer/name": "--customer-name",
        "customer/email": "--email",
        "customer/phone": "--phone",
        "shipping_address": "--ship-to",
        "billing_address": "--bill-to",
    }
    for option, given in (("--ship-to", ship_to), ("--bill-to", bill_to)):
        if len(dict(given)) < len(given):
            raise click.BadParameter("must not repeat a key", param_hint=option)
    customer = {"name": customer_name, "email": email, "phone": phone}
    parts = {
        "customer": {name: value for name, value in customer.items() if value is not None},
        "shipping_address": dict(ship_to),
        "billing_address": dict(bill_to),
    }
    return {name: part for name, part in parts.items() if part}


def _address(option: str, purpose: str) -> Decorator:
    help_text = f"Address to {purpose}: {', '.join(ADDRESS_FIELDS[:-1])} or {ADDRESS_FIELDS[-1]}. Repeatable."
    return click.option(option, type=address_part, multiple=True, metavar="KEY=VALUE", help=help_text)


personal_data_options = grouped_options(
    "personal",
    _personal_data,
    customer_name=click.option("--customer-name", type=text, metavar="NAME", help="Name of the customer."),
    email=click.option("--email", type=text, help="The customer's e-mail address."),
    phone=click.option("--phone", type=text, help="The customer's telephone number."),
    ship_to=_address("--ship-to", "ship to"),
    bill_to=_address("--bill-to", "bill"),
)
"""The options of the personal data of an order."""


def _choice(values: Iterable[str]) -> Choice:
    return Choice(list(map(str, values)))


def _flag(name: str, text: str) -> Decorator:
    return click.option(f"--{name}", is_flag=True, default=None, help=f"Only orders {text}.")


ZONE_HELP = "Time zone of tables and of times without an offset, such as Europe/Berlin. Default: UTC."
MIDNIGHT = clock_time()

_STATUS_HELP = "Only orders in this status. Repeat the option for several statuses."

TIMEZONE = click.option("--timezone", "zone", type=timezone, callback=_store_zone, metavar="NAME", help=ZONE_HELP)


def _filter(
    status: tuple[str, ...],
    zone: ZoneInfo | None,
    created_from: datetime | None,
    created_to: datetime | None,
    **others: Any,
) -> OrderFilter:
    """Return the filter. If a bound has no time of day, the range is reported, because the last day is not included."""
    dates = [each for each in (created_from, created_to) if each and each.tzinfo is None and each.time() == MIDNIGHT]
    if dates and created_from == created_to:
        day = dates[0].date()
        following = f": use --to {day + timedelta(days=1)} for the orders of {day}" if day < day.max else ""
        raise click.UsageError(f"--to is exclusive, so that no order is between {day} and {day}{following}.")
    start, end = in_zone(created_from, zone), in_zone(created_to, zone)
    is_range = start is None or end is None or start < end
    if dates and is_range and not click.get_current_context().obj.as_json:
        since = f" from {_minute(start, zone)}" if start else ""
        say(f"orders created{since}" + (f" until before {_minute(end, zone)}" if end else ""))
    return OrderFilter(statuses=status, created_from=start, created_to=end, **others)


def _minute(moment: datetime, zone: ZoneInfo | None) -> str:
    return moment.astimezone(zone).isoformat(" ", "minutes") if zone else f"{moment:%Y-%m-%d %H:%MZ}"


filter_options = grouped_options(
    "where",
    _filter,
    user_id=click.option(
        "--user", "user_id", type=text, metavar="ID", help="Only orders of this user; upper and lower case differ."
    ),
    status=click.option("--status", type=_choice(OrderStatus), multiple=True, help=_STATUS_HELP),
    tag=click.option("--tag", type=text, metavar="TAG", help="Only orders with this tag; upper and lower case differ."),
    external_ref=click.option("--external-ref", type=text, metavar="REF", help="Only orders with this reference."),
    shipping_status=click.option(
        "--shipping-status", type=_choice(ShippingStatus), help="Only orders shipped this far."
    ),
    payment_status=click.option(
        "--payment-status", type=_choice(PaymentStatus), help="Only orders with this payment status."
    ),
    return_status=click.option(
        "--return-status", type=_choice(ReturnStatus), help="Only orders with this return status."
    ),
    on_hold=_flag("on-hold", "on hold"),
    refund_due=_flag("refund-due", "of which money is to be paid back"),
    void_due=_flag("void-due", "with an authorization to be voided"),
    needs_attention=_flag("needs-attention", "on hold, with a refund or void due, or with a requested return"),
    created_from=click.option(
        "--from", "created_from", type=local_time, metavar="TIME", help="Only orders created at or after this time."
    ),
    created_to=click.option(
        "--to", "created_to", type=local_time, metavar="TIME", help="Only orders created before this time (exclusive)."
    ),
    zone=TIMEZONE,
)
"""The filters of a list of orders."""


class Paging(NamedTuple):
    """Which part of a list to print."""

    limit: int | None
    cursor: str | None
    all_pages: bool


LIMIT_HELP = f"Maximum number of results, 1 to {LARGEST_PAGE}. Default: {DEFAULT_PAGE}."

paging_options = grouped_options(
    "paging",
    Paging,
    limit=click.option("--limit", type=int, metavar="N", help=LIMIT_HELP),
    cursor=click.option("--cursor", type=text, help="Cursor of the next page, from the previous page."),
    all_pages=click.option("--all", "all_pages", is_flag=True, help="Fetch all pages."),
)
"""The options of a list that comes in pages."""
