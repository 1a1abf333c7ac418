"""What was raised, as one sentence on stderr and an exit code."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import click

from orderkeep.application.errors import ApiKeyNotFound, InvalidQuery, NotAllowed, NotAuthenticated, TooManyRequests
from orderkeep.bootstrap.documents import InvalidDocumentsURL
from orderkeep.bootstrap.stores import InvalidStoreURL, StoreNotInstalled
from orderkeep.domain.exceptions import (
    CommandRefused,
    Conflict,
    DocumentNotFound,
    InvalidInput,
    OrderkeepError,
    OrderNotFound,
    ServiceUnavailable,
    StoreUnusable,
    VersionNotFound,
)
from orderkeep.entrypoints.cli.plain_text import plain, plain_data

if TYPE_CHECKING:
    from orderkeep.entrypoints.cli.session import Session

BUG = 1
USAGE = 2
NOT_FOUND = 3
REFUSED = 4
INVALID = 5
UNAVAILABLE = 7
VIOLATED = 9
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports for a process that died of SIGPIPE."""

ANSWERS: tuple[tuple[type[Exception], int, str], ...] = (
    (VersionNotFound, NOT_FOUND, "`orderkeep history ID` shows its versions"),
    (DocumentNotFound, NOT_FOUND, "`orderkeep documents ID` shows its documents"),
    (OrderNotFound, NOT_FOUND, "`orderkeep list` shows which orders this store keeps"),
    (ApiKeyNotFound, NOT_FOUND, "`orderkeep keys list` shows which there are"),
    (InvalidInput, INVALID, "nothing was written"),
    (InvalidQuery, USAGE, ""),
    (NotAuthenticated, REFUSED, ""),
    (NotAllowed, REFUSED, "nothing was written"),
    (TooManyRequests, UNAVAILABLE, ""),
    (CommandRefused, REFUSED, "nothing was written"),
    (Conflict, REFUSED, ""),
    (StoreUnusable, UNAVAILABLE, "mend that, or name another place with --store or ORDERKEEP_DOCUMENTS"),
    (ServiceUnavailable, UNAVAILABLE, "try again, with the same --key if there was one"),
    (StoreNotInstalled, USAGE, "or name another store"),
    (InvalidStoreURL, USAGE, "give it with --store or ORDERKEEP_STORE"),
    (InvalidDocumentsURL, USAGE, "set it in ORDERKEEP_DOCUMENTS"),
)
"""The exit code of each exception, and what to do, where its own text does not say. The first that fits counts."""

PARAMETERS = {"user_id": "--user", "created_from": "--from", "created_to": "--to"}
"""Filters whose option has another name than the filter."""


class Failure(Exception):
    """An expected end that is not success. `detail` says what is wrong and `hint` what to do; `errors` are the
    single faults of the input, if there are several.
    """

    def __init__(self, detail: str, exit_code: int, code: str, *, hint: str = "", errors: tuple[Any, ...] = ()) -> None:
        super().__init__(f"{detail}; {hint}" if hint else detail)
        self.detail, self.exit_code, self.code, self.errors = detail, exit_code, code, errors


def report(error: Exception, session: Session) -> int:
    """Say on stderr what happened, and return the exit code."""
    if isinstance(error, click.Abort):
        click.echo("orderkeep: interrupted", err=True)
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        error.message = plain(error.message)  # type: ignore[misc]  # it may repeat what was typed
        error.show()
        return error.exit_code
    if session.debug:
        for line in "".join(traceback.format_exception(error)).splitlines():
            click.echo(plain(line), err=True)
    failure = error if isinstance(error, Failure) else _failure_of(error)
    if session.as_json:
        _say_in_json(failure, error)
    else:
        click.echo(f"orderkeep: {plain(failure)}", err=True)
        for fault in failure.errors:
            click.echo(f"  {plain(fault.pointer)} {plain(fault.message)}", err=True)
    return failure.exit_code


def _failure_of(error: Exception) -> Failure:
    for kind, exit_code, hint in ANSWERS:
        if isinstance(error, kind):
            return Failure(_detail(error), exit_code, _code(error), hint=hint)
    again = "run it again with --debug and report what it prints, please"
    return Failure(f"this is a bug in orderkeep ({type(error).__name__})", BUG, "bug", hint=again)


def _code(error: Exception) -> str:
    if isinstance(error, OrderkeepError):
        return error.code
    return "invalid_documents_url" if isinstance(error, InvalidDocumentsURL) else "invalid_store_url"


def _detail(error: Exception) -> str:
    text = str(error)
    if isinstance(error, InvalidQuery) and error.parameter:
        return f"{PARAMETERS.get(error.parameter, '--' + error.parameter.replace('_', '-'))} {text}"
    if isinstance(error, InvalidInput) and error.field and not text.startswith(f"{error.field} "):
        return f"{error.field} {text}"
    return text


def _say_in_json(failure: Failure, error: Exception) -> None:
    import msgspec

    from orderkeep.entrypoints.field_errors import field_error_of

    said: dict[str, Any] = {"code": failure.code, "detail": failure.detail}
    if errors := (field_error_of(error),) if isinstance(error, InvalidInput) else failure.errors:
        said["errors"] = [
            {name: value for name, value in msgspec.to_builtins(each).items() if value is not None} for each in errors
        ]
    click.echo(plain_data(msgspec.json.encode(said)), err=True)
