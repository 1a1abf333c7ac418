"""Errors of the command line: a message on stderr, and an exit code."""

import re
import shlex
import traceback
from difflib import SequenceMatcher
from typing import Any

import click
import msgspec

from orderkeep.application import errors
from orderkeep.application.store_copy import CannotCopy, CannotMove, NotACopy
from orderkeep.application.use_cases.create_checkpoint import InvalidCheckpoint
from orderkeep.bootstrap.documents import InvalidDocumentsURL
from orderkeep.bootstrap.events import InvalidEventsURL
from orderkeep.bootstrap.stores import ExtraNotInstalled, InvalidStoreURL
from orderkeep.domain import exceptions
from orderkeep.domain.exceptions import HasAmounts, InvalidInput, OrderkeepError
from orderkeep.domain.lifecycle import (
    LIFECYCLE,
    REJECTIONS,
    CannotCancelOrder,
    CannotConfirmOrder,
    CannotDeliverOrder,
    CannotShipOrder,
    CommandRejected,
    OrderNotConfirmed,
    OrderOnHold,
    OrderStatus,
    QuantityNotAvailable,
    commands_between,
)
from orderkeep.domain.lines import LineQuantity
from orderkeep.domain.payments import RefundExceedsPayments
from orderkeep.domain.policies import PaymentRequired
from orderkeep.domain.returns import NothingToReturn, ReturnedUnits
from orderkeep.domain.value_objects import Money
from orderkeep.entrypoints.amounts import message_in_major_units
from orderkeep.entrypoints.cli.plain_text import plain, plain_data
from orderkeep.entrypoints.cli.session import Session

BUG = 1
USAGE = 2
NOT_FOUND = 3
REJECTED = 4
INVALID = 5
UNAVAILABLE = 7
INTERRUPTED = 130
BROKEN_PIPE = 141
"""The exit code that a shell reports for a process that SIGPIPE ended."""

RETRY = "run the command again"
KEY_FILE = "ORDERKEEP_API_KEY_FILE to the path of the file that contains it"
CLOSEST = 0.75
"""How similar a word must be to be suggested: `paid` and `failed` are not."""

OUTCOMES: tuple[tuple[type[Exception], int, str], ...] = (
    (exceptions.VersionNotFound, NOT_FOUND, "list its versions with `orderkeep history ID`"),
    (exceptions.DocumentNotFound, NOT_FOUND, "list its documents with `orderkeep documents ID`"),
    (errors.NoOrderMatches, NOT_FOUND, "enter its number or its ID in full, as `orderkeep list` shows them"),
    (exceptions.OrderNotFound, NOT_FOUND, ""),
    (errors.EventNotFound, NOT_FOUND, "list the events with `orderkeep events`"),
    (errors.ApiKeyNotFound, NOT_FOUND, "list the keys with `orderkeep keys list`"),
    (errors.WebhookNotFound, NOT_FOUND, "list the webhooks with `orderkeep webhooks list`"),
    (InvalidInput, INVALID, "nothing was changed"),
    (errors.InvalidQuery, USAGE, ""),
    (errors.AmbiguousOrder, USAGE, ""),
    (errors.NotAuthenticated, REJECTED, f"set ORDERKEEP_API_KEY to your key, or {KEY_FILE}"),
    (errors.InvalidCredentials, REJECTED, "check ORDERKEEP_API_KEY or ORDERKEEP_API_KEY_FILE"),
    (errors.NotAllowed, REJECTED, "ask for a key that has it, and set ORDERKEEP_API_KEY to it"),
    (errors.TooManyRequests, UNAVAILABLE, ""),
    (errors.Overloaded, UNAVAILABLE, ""),
    (PaymentRequired, REJECTED, "nothing was changed; record it with `orderkeep payments record ID`"),
    (CommandRejected, REJECTED, "nothing was changed"),
    (errors.OtherWebhookVersion, REJECTED, "show the webhook again with `orderkeep webhooks show ID`"),
    (exceptions.VersionMismatch, REJECTED, "show the order again with `orderkeep get ID`"),
    (exceptions.Conflict, REJECTED, ""),
    (exceptions.StoreMoved, UNAVAILABLE, "set --store or ORDERKEEP_STORE"),
    (exceptions.StoreUnusable, UNAVAILABLE, "check --store or ORDERKEEP_STORE (for documents, ORDERKEEP_DOCUMENTS)"),
    (exceptions.ServiceUnavailable, UNAVAILABLE, RETRY),
    (ExtraNotInstalled, USAGE, "or use another store"),
    (InvalidStoreURL, USAGE, "set --store or ORDERKEEP_STORE"),
    (InvalidDocumentsURL, USAGE, "set ORDERKEEP_DOCUMENTS"),
    (InvalidEventsURL, USAGE, "set ORDERKEEP_EVENTS"),
    (InvalidCheckpoint, INVALID, ""),
    (NotACopy, REJECTED, "nothing was changed; use an empty store"),
    (CannotCopy, USAGE, "use another store"),
    (CannotMove, REJECTED, ""),
)
"""The exit code of each exception, and a hint that follows its text. The first match applies."""

FINAL = "a cancellation is final: place a new order with `orderkeep place`"
RETURN = "what is delivered can be returned: `orderkeep returns request ID`"
ADVICE: tuple[tuple[type[CommandRejected], str, str], ...] = (
    (OrderOnHold, "", "first run `orderkeep release ID`"),
    (OrderNotConfirmed, "", "first run `orderkeep confirm ID`"),
    (RefundExceedsPayments, "", "record payments with `orderkeep payments record ID`"),
    (QuantityNotAvailable, "", "see `orderkeep get ID`"),
    (NothingToReturn, "", "record deliveries with `orderkeep deliver ID`"),
    (CannotCancelOrder, OrderStatus.PARTIALLY_SHIPPED, "use `orderkeep cancel-lines ID --all` for the rest"),
    (CannotCancelOrder, OrderStatus.SHIPPED, RETURN),
    (CannotCancelOrder, OrderStatus.DELIVERED, RETURN),
    (CannotConfirmOrder, OrderStatus.CANCELLED, FINAL),
    (CannotShipOrder, OrderStatus.CANCELLED, FINAL),
    (CannotDeliverOrder, OrderStatus.CANCELLED, FINAL),
)
"""What to do after a command was rejected, in any status or in one. The first match applies."""


class Failure(Exception):
    """An expected error: what is wrong (`detail`), what to do (`hint`), and the invalid fields, if any."""

    def __init__(self, detail: str, exit_code: int, code: str, *, hint: str = "", errors: tuple[Any, ...] = ()) -> None:
        super().__init__(f"{detail}; {hint}" if hint else detail)
        self.detail, self.exit_code, self.code, self.errors = detail, exit_code, code, errors


def report(error: Exception, session: Session) -> int:
    """Write the error to stderr, and return the exit code."""
    if isinstance(error, click.ClickException) and not isinstance(error, click.exceptions.NoArgsIsHelpError):
        _advise(error)
    if isinstance(error, click.ClickException) and not session.as_json:
        if not isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.message = plain(error.message)  # type: ignore[misc]  # it may repeat an argument
        if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
            click.echo(f"orderkeep: {plain(error.format_message())}", err=True)  # the usage is not what is wrong
        else:
            error.show()
        return error.exit_code
    if session.debug and not isinstance(error, click.Abort | click.ClickException):
        for line in "".join(traceback.format_exception(error)).splitlines():
            click.echo(plain(line), err=True)
    failure = error if isinstance(error, Failure) else _failure_of(error, session)
    if session.as_json:
        click.echo(plain_data(msgspec.json.encode(_json_of(failure, error))), err=True)
    else:
        click.echo(f"orderkeep: {plain(failure)}", err=True)
        for field in failure.errors:
            click.echo(f"  {plain(field.pointer or '')} {plain(field.message)}", err=True)
        for order in error.candidates if isinstance(error, errors.AmbiguousOrder) else ():
            total = f"{Money(order.total, order.currency).major} {order.currency}"
            values = (order.id, order.status, total, order.user_id, order.external_ref or "-", order.created_at)
            click.echo(f"  {'  '.join(map(plain, values))}", err=True)
    return failure.exit_code


def _json_of(failure: Failure, error: Exception) -> dict[str, Any]:
    body: dict[str, Any] = {"code": failure.code, "detail": failure.detail}
    fields = failure.errors
    if isinstance(error, InvalidInput) or (isinstance(error, OrderkeepError) and error.field):
        from orderkeep.entrypoints.field_errors import field_error_of  # imports pydantic, which is rarely needed

        fields = (field_error_of(error),)
    if fields:
        body["errors"] = [each.as_dict() for each in fields]
    if isinstance(error, errors.AmbiguousOrder):
        body |= {"candidates": error.candidates, "has_more": error.has_more}
    if failure.code != "bug" and (notes := getattr(error, "__notes__", ())):
        body["hint"] = "; ".join(notes)
    return body


def _failure_of(error: Exception, session: Session) -> Failure:
    if isinstance(error, click.Abort):
        return Failure("interrupted", INTERRUPTED, "interrupted", hint=session.if_interrupted)
    if isinstance(error, click.ClickException):
        is_help = isinstance(error, click.exceptions.NoArgsIsHelpError)
        return Failure("Missing command." if is_help else error.format_message(), error.exit_code, "usage_error")
    for kind, exit_code, hint in OUTCOMES:
        if isinstance(error, kind):
            code: str = error.code  # type: ignore[attr-defined]  # each of them has one
            detail = _detail(error, session)
            if notes := getattr(error, "__notes__", ()):  # what to do about an error of a server
                hint = "; ".join(notes)
            elif isinstance(error, exceptions.StoreUnusable) and ": " in detail:
                hint = ""  # the message itself says what to do
            elif isinstance(error, CommandRejected):
                hint += f"; {advice}" if (advice := _next_command(error)) else ""
            elif "key" in session.options and hint == RETRY:
                hint += " with the same --key; without a --key, first check whether it took effect"
            return Failure(detail, exit_code, code, hint=_with_order(hint, session.given_order))
    hint = "run the command again with --debug and report the output"
    return Failure(f"internal error ({type(error).__name__})", BUG, "bug", hint=hint)


def _with_order(hint: str, given: str) -> str:
    """Return the hint, with the order as it was given in its commands, so that these can be copied."""
    return (
        re.sub("(?<=`)(orderkeep [a-z -]+) ID\\b", lambda found: f"{found[1]} {shlex.quote(given)}", hint)
        if given
        else hint
    )


def _next_command(error: CommandRejected) -> str:
    """Return what to do instead, or the commands after which the status of the order allows the rejected one."""
    status = str(error).rpartition(": it is ")[2]  # a server returns only the text
    for kind, only, advice in ADVICE:
        if isinstance(error, kind) and only in ("", status):
            return advice
    rejected = {command for command, kind in REJECTIONS.items() if isinstance(error, kind)}
    if not rejected or status not in {*OrderStatus}:
        return ""
    origins = [origin for origin, command in LIFECYCLE if command in rejected]
    paths = [path for origin in origins if (path := commands_between(status, origin))]
    return f"first run {' and '.join(f'`orderkeep {each} ID`' for each in min(paths, key=len))}" if paths else ""


def _advise(error: click.ClickException) -> None:
    """Add to a message about wrong arguments what to do, and remove suggestions that are not similar."""
    if isinstance(error, click.NoSuchOption):
        named = error.option_name
        similar = [each for each in error.possibilities or () if SequenceMatcher(None, named, each).ratio() >= CLOSEST]
        error.possibilities = similar  # type: ignore[misc]  # shown by click
    elif isinstance(error, click.MissingParameter) and error.param and error.param.name == "order_id":
        error.message = "quote an order number that begins with #, such as '#1001'."  # type: ignore[misc]
    elif error.message.startswith("Got unexpected extra argument"):
        quoted = 'put a text of several words in quotes, such as "changed mind"'
        listed = "to show one order, use `orderkeep get ID`; to list those of a user, --user"
        repeated = "repeat the option for each value, such as --line l1=1 --line l2=1"
        is_list = isinstance(error, click.UsageError) and error.ctx is not None and error.ctx.info_name == "list"
        advice = listed if is_list else repeated if "=" in error.message else quoted
        error.message += f": {advice}."  # type: ignore[misc]


def _detail(error: Exception, session: Session) -> str:
    """Return the message, with amounts in major units if the command was given such, and with the command's options in
    place of fields: `--tag (no. 2)` for `tags/1`, and `--line l1=9` for `lines/0/line`.
    """
    text, options = str(error), session.options
    if isinstance(error, errors.NoOrderMatches):
        return error.title
    currency = str(error.facts["currency"]) if isinstance(error, HasAmounts) else session.currency
    if currency:  # `place --data` has none
        text = message_in_major_units(error, currency)
    if isinstance(error, errors.InvalidQuery):
        text = text.replace(error.other, options.get(error.other, error.other))
        return f"{options.get(error.parameter, error.parameter)} {text}".lstrip()
    if not isinstance(error, InvalidInput) or not error.field or text.startswith(f"{error.field} "):
        return text
    if error.field in options:
        return f"{options[error.field]} {text}"
    name, _, path = error.field.partition("/")
    if name not in options:
        return f"{error.field} {text}"
    index, *below = path.split("/")
    if index.isdigit() and name != "metadata":
        units = session.values.get(name) or ()
        if int(index) < len(units) and isinstance(given := units[int(index)], LineQuantity | ReturnedUnits):
            return f"{options[name]} {given.line}={given.quantity}: {below[-1]} {text}"
        path = ", ".join((f"no. {int(index) + 1}", *below))
    return f"{options[name]} ({path}) {text}" if path else f"{options[name]} {text}"
