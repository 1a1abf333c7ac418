"""What commands print: bytes as they are, JSON, tab-separated lines; and tables, where somebody looks on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

import click
import msgspec

from orderkeep.application.dtos import CommandResult
from orderkeep.entrypoints.answer_forms import dry_run_form
from orderkeep.entrypoints.cli import failures
from orderkeep.entrypoints.cli.plain_text import plain, plain_data
from orderkeep.entrypoints.cli.session import Session


def encode(value: Any) -> bytes:
    """Return the JSON of a DTO or of plain values."""
    return msgspec.json.encode(value)


def wants_table(session: Session) -> bool:
    """Tell whether a person is looking, who did not ask for JSON."""
    return not session.as_json and sys.stdout.isatty()


def say(text: str) -> None:
    """Say something on stderr, beside the data."""
    click.echo(f"orderkeep: {plain(text)}", err=True)


def write(data: bytes) -> None:
    """Write bytes to stdout, whatever the locale."""
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        discard()
        raise cannot_write("the output", error) from error


def flush() -> None:
    """See that what was written has arrived: a full disk must not look like success."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard()
        raise cannot_write("the output", error) from error


def discard() -> None:
    """Give up on stdout: nobody reads it any more, and Python must not complain about that at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def write_data(data: bytes) -> None:
    """Write JSON or CSV: as it is, or on a terminal without what that would obey."""
    write(plain_data(data) if sys.stdout.isatty() else data)


def write_json(value: Any) -> None:
    """Write a line of JSON."""
    write_data(encode(value) + b"\n")


def write_row(values: Iterable[object]) -> None:
    """Write a line of tab-separated values; what is not there is empty."""
    write("\t".join(map(_bare, values)).encode() + b"\n")


def write_rows(session: Session, columns: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    """Write tab-separated lines, or a table on a terminal."""
    if wants_table(session):
        from orderkeep.entrypoints.cli import tables

        tables.print_rows(columns, rows)
    else:
        for row in rows:
            write_row(row)


def write_facts(session: Session, facts: Iterable[tuple[str, object]]) -> None:
    """Write names and values: a line each, separated by a tab, or side by side on a terminal."""
    if wants_table(session):
        from orderkeep.entrypoints.cli import tables

        tables.print_facts(facts)
    else:
        for fact in facts:
            write_row(fact)


def write_order(session: Session, json: bytes) -> None:
    """Write an order: its JSON, or a table on a terminal."""
    if wants_table(session):
        from orderkeep.entrypoints.cli import tables

        tables.print_order(msgspec.json.decode(json))
    else:
        write_data(json + b"\n")


def write_result(session: Session, result: CommandResult, *, dry_run: bool) -> None:
    """Write what a command did, or would do."""
    if result.replayed:
        say("this key was used before, for the same request: this is the answer of then")
    elif dry_run:
        say("dry run: this would happen, and nothing was written")
    if dry_run and not wants_table(session):
        write_json(dry_run_form(result))
    else:
        write_order(session, encode(result.order) if result.json is None else result.json)


def _bare(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else plain(value)


def cannot_write(what: str, error: OSError) -> failures.Failure:
    """Return what to raise where a file or stdout takes no more."""
    detail = f"cannot write {what}: {error.strerror}"
    return failures.Failure(detail, failures.UNAVAILABLE, "cannot_write", hint="mend that, and run it again")
