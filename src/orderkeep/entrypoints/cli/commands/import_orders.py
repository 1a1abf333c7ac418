"""`orderkeep import`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import click

from orderkeep.application.use_cases.import_orders import ImportReport, ImportRow
from orderkeep.bootstrap import UseCases
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.options import TEXT, command, format_of, format_option
from orderkeep.entrypoints.cli.plain_text import plain
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session
from orderkeep.entrypoints.order_files.maps import OWN, InvalidMap, text_of_built_in
from orderkeep.entrypoints.order_files.reading import OpenFile, layout_of, order_reader

MAX_IN_MEMORY = 16 * 1024 * 1024
"""Bytes of stdin that are kept in memory; more go to a temporary file."""

MAP_HELP = "Column map for a CSV file: orderkeep, northwind or a TOML file. Default: orderkeep."


def _print_map(ctx: click.Context, param: click.Parameter, name: str | None) -> None:
    if name is None:
        return
    try:
        output.write(text_of_built_in(name))
    except InvalidMap as error:
        raise click.BadParameter(f"{name} {error}", ctx, param) from None
    ctx.exit()


@command(
    "import",
    """
    FILE (- for stdin) has one order per line as JSON (.jsonl), or one row per order line as CSV (.csv). Orders keep
    their dates and statuses. MAP defines the columns of a CSV file: orderkeep (what export writes), northwind (the
    sample database), or a TOML file of your own; --print-map northwind prints an example.

    The whole file is checked first. If any line is invalid, all errors are printed with their line numbers, nothing is
    imported, and the exit code is 5. Prints what the file contains, and how many orders were imported, were unchanged
    since an earlier import, or were already present with another ID.
    """,
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--map", "map_name", type=TEXT, default=OWN, metavar="MAP", help=MAP_HELP)
@format_option
@click.option(
    "--print-map",
    type=TEXT,
    metavar="NAME",
    is_eager=True,
    expose_value=False,
    callback=_print_map,
    help="Print a built-in map as a template.",
)
@click.option("--dry-run", is_flag=True, help="Check the file without writing anything.")
def import_command(session: Session, file: str, map_name: str, format_name: str | None, *, dry_run: bool) -> None:
    with _opened(file, format_name, map_name, times=1 if dry_run else 2) as read:

        async def run(use_cases: UseCases) -> ImportReport:
            return await use_cases.import_orders.execute(read, dry_run=dry_run, actor=CLI_ACTOR)

        report = session.run(run)
    if session.as_json:
        output.write_json(report)
    else:
        _print_report(session, report, file)
    if report.problem_count:
        raise click.exceptions.Exit(failures.INVALID)


@contextmanager
def _opened(
    path: str, format_name: str | None, map_name: str, *, times: int
) -> Iterator[Callable[[], Iterator[ImportRow]]]:
    """Return what reads the orders of the file, `times` times, with a progress bar. Raises `click.UsageError` if the
    options do not fit the file.
    """
    kind = format_name or ("csv" if map_name != OWN else format_of(path))
    if kind == "jsonl" and map_name != OWN:
        raise click.UsageError("--map is for CSV files: omit it for JSON Lines.")
    try:
        layout = layout_of(map_name) if kind == "csv" else None
    except InvalidMap as error:
        raise click.BadParameter(f"{map_name} {error}", param_hint="--map") from None
    with _rereadable(path) as (open_file, size), output.progress("Importing", times * size) as advance:
        yield order_reader(open_file, layout, advance)


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


def _print_report(session: Session, report: ImportReport, path: str) -> None:
    """Print the counts to stdout, and each problem with its line to stderr."""
    for problem in report.problems:
        place = f"{'stdin' if path == '-' else path}:{problem.line}: "
        click.echo(
            plain(f"{place}{problem.field} {problem.message}" if problem.field else place + problem.message), err=True
        )
    if report.problem_count > len(report.problems):
        output.say(f"{report.problem_count - len(report.problems)} more errors not shown")
    if report.problem_count:
        written = report.imported + report.unchanged + report.present
        output.say(f"{'' if written else 'nothing was imported: '}fix these lines and run the import again")
    output.write_facts(session, _facts(report))


def _facts(report: ImportReport) -> Iterator[tuple[str, object]]:
    yield "orders", report.orders
    yield "lines", report.lines
    yield from sorted(report.statuses.items())
    for currency, total in sorted(report.totals.items()):
        yield f"total {currency}", Decimal(total).scaleb(-EXPONENTS[currency])
    yield "imported", report.imported
    yield "unchanged", report.unchanged
    yield "present", report.present
    yield "problems", report.problem_count
