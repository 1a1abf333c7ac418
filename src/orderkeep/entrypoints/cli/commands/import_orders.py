"""`orderkeep import`."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import click

from orderkeep.application.use_cases.import_orders import ImportReport, ImportRow
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.options import TEXT, command, format_of, format_option
from orderkeep.entrypoints.cli.plain_text import plain
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session
from orderkeep.entrypoints.order_files import formats
from orderkeep.entrypoints.order_files.reading import Converter, ConverterFailed, OpenFile, order_reader

MAX_IN_MEMORY = 16 * 1024 * 1024
"""Bytes of stdin that are kept in memory; more go to a temporary file."""

CONVERTERS = {"northwind": "orderkeep.entrypoints.order_files.northwind:convert"}
"""The built-in converters, by name."""


@command(
    "import",
    """
    FILE (- for stdin) has one order per line as JSON (.jsonl), or one row per order line as CSV (.csv), as export
    writes it. Orders keep their dates and statuses. A CSV file of another program is read by a CONVERTER: northwind
    (the sample database), or MODULE:FUNCTION, a function of your own in Python.

    The whole file is checked first. If any line is invalid, all errors are printed with their line numbers, nothing is
    imported, and the exit code is 5. Prints what the file contains, and how many orders were imported, were unchanged
    since an earlier import, or were already present with another ID.
    """,
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--from", "converter", type=TEXT, metavar="CONVERTER", help="Converter of a CSV file of another program.")
@format_option
@click.option("--dry-run", is_flag=True, help="Check the file without writing anything.")
def import_command(
    session: Session, file: str, converter: str | None, format_name: str | None, *, dry_run: bool
) -> None:
    with _opened(file, format_name, converter, times=1 if dry_run else 2) as read:
        try:
            report = session.run(
                lambda use_cases: use_cases.import_orders.execute(read, dry_run=dry_run, actor=CLI_ACTOR)
            )
        except ConverterFailed as error:
            raise _converter_failure(f"{converter} {error}", failures.INVALID) from error
    if not session.as_json:
        _print_problems(report, file)
    output.write_facts(session, _facts(report), report)
    if report.problem_count:
        raise click.exceptions.Exit(failures.INVALID)


@contextmanager
def _opened(
    path: str, format_name: str | None, name: str | None, *, times: int
) -> Iterator[Callable[[], Iterator[ImportRow]]]:
    """Return what reads the orders of the file, `times` times, with a progress bar. Raises `click.UsageError` if the
    options do not fit the file.
    """
    kind = format_name or ("csv" if name else format_of(path))
    if kind == "jsonl" and name:
        raise click.UsageError("--from is for CSV files: omit it for JSON Lines.")
    convert, delimiter = _load_converter(name) if name else (formats.convert if kind == "csv" else None, ",")
    with _rereadable(path) as (open_file, size), output.progress("Importing", times * size) as advance:
        yield order_reader(open_file, convert, advance, delimiter=delimiter)


def _load_converter(name: str) -> tuple[Converter, str]:
    """Import a converter, also from the current directory, with the delimiter that its module sets."""
    module_name, _, function_name = CONVERTERS.get(name, name).partition(":")
    if not (module_name and function_name):
        message = f"{name} is neither MODULE:FUNCTION nor one of {', '.join(CONVERTERS)}"
        raise click.BadParameter(message, param_hint="--from")
    sys.path.append(str(Path.cwd()))  # at the end: no file there replaces a module of Python
    try:
        module = import_module(module_name)
        convert, delimiter = getattr(module, function_name), getattr(module, "DELIMITER", ",")
        csv.reader([], delimiter=delimiter)
    except Exception as error:
        raise _converter_failure(f"{name} cannot be imported: {type(error).__name__}", failures.USAGE) from error
    return convert, delimiter


def _converter_failure(message: str, exit_code: int) -> failures.Failure:
    hint = "run the command again with --debug to see where"
    return failures.Failure(f"the converter {message}", exit_code, "converter_failed", hint=hint)


@contextmanager
def _rereadable(path: str) -> Iterator[tuple[OpenFile, int]]:
    file = Path(path)
    if path != "-" and file.is_file():
        yield lambda: file.open("rb"), file.stat().st_size
        return
    with SpooledTemporaryFile(MAX_IN_MEMORY) as copy:
        with nullcontext(sys.stdin.buffer) if path == "-" else file.open("rb") as source:
            shutil.copyfileobj(source, copy)
        size = copy.tell()

        def rewound() -> AbstractContextManager[IO[bytes]]:
            copy.seek(0)
            return nullcontext(copy)

        yield rewound, size


def _print_problems(report: ImportReport, path: str) -> None:
    for problem in report.problems:
        message = f"{problem.field} {problem.message}" if problem.field else problem.message
        click.echo(plain(f"{'stdin' if path == '-' else path}:{problem.line}: {message}"), err=True)
    if report.problem_count > len(report.problems):
        output.say(f"{report.problem_count - len(report.problems)} more errors not shown")
    if report.problem_count:
        written = report.imported + report.unchanged + report.present
        output.say(f"{'' if written else 'nothing was imported: '}fix these lines and run the import again")


def _facts(report: ImportReport) -> Iterator[tuple[str, object]]:
    yield "orders", report.orders
    yield "lines", report.lines
    yield from sorted(report.statuses.items())
    for currency, total in sorted(report.totals.items()):
        yield f"total {currency}", Decimal(total).scaleb(-EXPONENTS[currency])
    yield from (("imported", report.imported), ("unchanged", report.unchanged), ("present", report.present))
    yield "problems", report.problem_count
