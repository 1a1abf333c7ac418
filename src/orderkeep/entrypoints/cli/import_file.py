"""A file to import: opened so that it can be read twice, and reported on."""

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

from orderkeep.application.use_cases import ImportReport, ImportRow
from orderkeep.domain.value_objects import EXPONENTS
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.formats import format_of
from orderkeep.entrypoints.cli.plain_text import plain
from orderkeep.entrypoints.cli.progress import progress
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.order_files.maps import OWN, InvalidMap
from orderkeep.entrypoints.order_files.reading import Open, layout_of, order_reader

IN_MEMORY = 16 * 1024 * 1024
"""How much of stdin is kept in memory, in bytes, before it goes to a temporary file."""


@contextmanager
def opened(
    path: str, format_name: str | None, map_name: str, *, times: int
) -> Iterator[Callable[[], Iterator[ImportRow]]]:
    """Give what reads the orders of the file, with a progress bar, for so many `times`, where somebody looks on.
    Raises `click.UsageError` where the options do not fit the file.
    """
    kind = format_name or ("csv" if map_name != OWN else format_of(path))
    if kind == "jsonl" and map_name != OWN:
        raise click.UsageError("--map explains the columns of a CSV file: leave it away for JSON Lines.")
    try:
        layout = layout_of(map_name) if kind == "csv" else None
    except InvalidMap as error:
        raise click.BadParameter(f"{map_name} {error}", param_hint="--map") from None
    with _readable_again(path) as (open_file, size), progress("Importing", times * size) as advance:
        yield order_reader(open_file, layout, advance)


@contextmanager
def _readable_again(path: str) -> Iterator[tuple[Open, int]]:
    file = Path(path)
    if path != "-" and file.is_file():
        yield lambda: file.open("rb"), file.stat().st_size
        return
    with SpooledTemporaryFile(IN_MEMORY) as kept:
        with nullcontext(sys.stdin.buffer) if path == "-" else file.open("rb") as source:
            shutil.copyfileobj(source, kept)
        size = kept.tell()

        def rewound() -> AbstractContextManager[IO[bytes]]:
            kept.seek(0)
            return nullcontext(kept)

        yield rewound, size


def print_report(session: Session, report: ImportReport, path: str) -> None:
    """Print what the file holds and what became of it; each problem by its line, on stderr."""
    for problem in report.problems:
        place = f"{'stdin' if path == '-' else path}:{problem.line}: "
        click.echo(
            plain(f"{place}{problem.field} {problem.message}" if problem.field else place + problem.message), err=True
        )
    if report.problem_count > len(report.problems):
        output.say(f"and {report.problem_count - len(report.problems)} problems more")
    if report.problem_count:
        written = report.imported + report.unchanged + report.present
        output.say("mend these lines and import the file again" + ("" if written else ": nothing was written"))
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
