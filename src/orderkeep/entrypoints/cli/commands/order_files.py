"""`orderkeep import` and `export`."""

import codecs
import gc
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Any

import click
import msgspec

from orderkeep.application.access.actor import Actor
from orderkeep.application.ports import OrderFilter, Progress
from orderkeep.application.use_cases.export_to_document import OrderFormat
from orderkeep.application.use_cases.import_orders import CheckedOrder, ImportOptions, ImportReport
from orderkeep.bootstrap import UseCases
from orderkeep.domain.value_objects import EXPONENTS, in_major_units
from orderkeep.entrypoints.cli import failures, output
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.options import (
    TIME_HELP,
    Choice,
    filter_options,
    format_of,
    grouped_options,
    text,
    timezone,
)
from orderkeep.entrypoints.cli.output import STDOUT
from orderkeep.entrypoints.cli.plain_text import plain
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.order_files.converters import NAMES
from orderkeep.entrypoints.order_files.converters import __name__ as PACKAGE  # noqa: N812
from orderkeep.entrypoints.order_files.formats import FORMATS, PERSONAL_COLUMNS, convert
from orderkeep.entrypoints.order_files.reading import Converter, ConverterFailed, Layout, OrderFile, matches
from orderkeep.entrypoints.order_files.spreadsheet import for_excel

MAX_IN_MEMORY = 1024 * 1024
"""Bytes of stdin, and of checked orders, that are kept in memory; more go to a temporary file."""

DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
OWN_CSV = Layout(columns=("user_id", "total", "currency", "created_at"), encoding="utf-8")

_LINE_FIELD = re.compile("^lines/[0-9]+/")
"""Precedes the name of a line's field, which is the name of a column after `line_`."""

DEBUG_HINT = "run the command again with --debug to see where"
EXTENSIONS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


def _encoding(name: str) -> str:
    try:
        b"a".decode(name)  # some codecs of Python are not for texts
        return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        raise click.BadParameter("must be an encoding that Python knows, such as utf-8, utf-16 or cp1252") from None


DECIMAL_MARKS = {"point": ".", "comma": ","}


def _decimal_mark(ctx: click.Context, param: click.Parameter, name: str | None) -> str | None:  # noqa: ARG001
    return DECIMAL_MARKS[name] if name else None


def _currency(code: str) -> str:
    if code not in EXPONENTS:
        raise click.BadParameter("must be an ISO 4217 code, such as EUR")
    return code


FORMAT_HELP = "File format. Default: from the file extension."
format_option = click.option("--format", "format_name", type=Choice(["jsonl", "csv"]), help=FORMAT_HELP)

import_options = grouped_options(
    "options",
    lambda prefix, **flags: ImportOptions(prefix=prefix or "", **flags),
    dry_run=click.option("--dry-run", is_flag=True, help="Check the file without writing anything."),
    skip_invalid=click.option("--skip-invalid", is_flag=True, help="Import the valid orders if others are invalid."),
    update=click.option("--update", is_flag=True, help="Follow the status of orders that are stored already."),
    dated_ahead=click.option("--dated-ahead", is_flag=True, help="Accept orders that were created in the future."),
    prefix=click.option("--prefix", type=text, metavar="TEXT", help="Precede each order number, such as with a shop."),
)

DECIMAL_HELP = "Decimal mark of a CSV file. Default: detected, and an amount such as 1.200 is an error."
CURRENCY_HELP = "Of a CSV file that has none. Default: EUR."
TIMEZONE_HELP = "Of times without an offset in a CSV file. Default: UTC."


@command(
    "import",
    """
    FILE (- for stdin) has one order per line as JSON (.jsonl), or one row per order line as CSV (.csv), as export
    writes it. Orders keep their dates and statuses. A CSV file of another program is read by a CONVERTER: amazon,
    ebay, etsy, magento, northwind (the sample database), shopify or woocommerce; auto, which recognizes these files by
    their header; or MODULE:FUNCTION, a function of your own in Python.

    The whole file is checked and compared with the store first. If any order is invalid, or stored already with other
    content, all errors are printed with their line numbers, nothing is imported, and the exit code is 5. With
    --skip-invalid, the other orders are imported, and the invalid ones are written to a file such as
    orders.rejected.csv, to be fixed and imported.

    Prints what the file contains, and how many orders were imported, were updated, were unchanged since an earlier
    import, or were already present with another ID. A dry run prints the same numbers.
    """,
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--from", "converter", type=text, metavar="CONVERTER", help="Converter of a CSV file of another program.")
@format_option
@click.option("--encoding", type=_encoding, metavar="NAME", help="Of a CSV file. Default: detected.")
@click.option("--decimal", type=Choice([*DECIMAL_MARKS]), callback=_decimal_mark, help=DECIMAL_HELP)
@click.option("--currency", type=_currency, metavar="CODE", help=CURRENCY_HELP)
@click.option("--timezone", type=timezone, metavar="NAME", help=TIMEZONE_HELP)
@import_options
def import_command(
    session: Session, file: str, converter: str | None, format_name: str | None, options: ImportOptions, **written: Any
) -> None:
    file_format = "csv" if converter and not format_name else format_of(file, format_name, EXTENSIONS)
    given = {name: value for name, value in written.items() if value}
    _reject_unused_options(file_format, converter, given)
    gc.set_threshold(50_000)  # orders have no cycles, but many are alive at once: this saves about 4 % of the CPU
    session.if_interrupted = "nothing was imported"
    report = ImportReport()
    with (
        _seekable(file) as (opened, size),
        SpooledTemporaryFile(MAX_IN_MEMORY) as temporary,
        output.progress("Importing", size if options.dry_run else 2 * size) as advance,
        SpooledTemporaryFile(MAX_IN_MEMORY) as rejected,
    ):
        chosen, layout = _select(opened, converter, file_format, given)
        rows = OrderFile(opened, chosen, advance, layout=layout, keeps_source=options.skip_invalid)
        try:
            session.run(
                lambda do: do.import_orders.execute(
                    rows,
                    options,
                    buffer=_OrderBuffer(temporary, size, advance),
                    report=report,
                    on_rejected=lambda row: _write_temporary(rejected, row.source.encode()),
                    actor=session.actor,
                )
            )
        except ConverterFailed as error:
            detail = f"the converter {converter} {error}"
            raise failures.Failure(detail, failures.INVALID, "converter_failed", hint=DEBUG_HINT) from error
        except KeyboardInterrupt:
            session.if_interrupted = _written(report)
            raise
        rejects = str(Path("stdin" if file == STDOUT else file).with_suffix(f".rejected.{file_format}"))
        if options.skip_invalid and not options.dry_run and not report.incomplete and rejected.tell():
            with output.output_file(rejects) as write:
                write(rows.header.encode())
                rejected.seek(0)
                for chunk in iter(lambda: rejected.read(MAX_IN_MEMORY), b""):
                    write(chunk)
        else:
            rejects = ""
    if rows.encoding != "utf-8" or rows.delimiter not in ("", ","):
        delimiter = DELIMITER_NAMES.get(rows.delimiter, repr(rows.delimiter))
        output.say(f"the file was read as {rows.encoding}, separated by {delimiter}")
    if not session.as_json:
        _print_problems(report, "stdin" if file == STDOUT else file, rejects, chosen is convert, options)
    if options.dry_run:
        output.say("dry run: nothing was changed")
    output.write_facts(session, _facts(report), report)
    if report.problem_count:
        raise click.exceptions.Exit(failures.INVALID)


def _reject_unused_options(file_format: str, converter: str | None, given: dict[str, Any]) -> None:
    if file_format == "jsonl" and (converter or given):
        name = "from" if converter else next(iter(given))
        raise click.UsageError(f"--{name} is for CSV files: omit it for JSON Lines.")
    if converter is None and (ignored := given.keys() & {"decimal", "currency"}):
        own = "a CSV as export writes it has amounts in minor units, such as 9500 for 95.00 EUR"
        raise click.UsageError(f"--{min(ignored)} is for files of other programs, with --from: {own}.")


def _written(report: ImportReport) -> str:
    """Return what an interrupted import wrote. The orders of its last batch may be stored but not counted."""
    if not report.imported + report.updated:
        return "nothing was imported"
    return f"at least {report.imported + report.updated:,} orders were imported: run the import again to continue"


def _select(
    file: IO[bytes], converter: str | None, file_format: str, given: dict[str, Any]
) -> tuple[Converter | None, Layout]:
    """Return the converter, and how the file is written: as the options say, or else the converter."""
    if converter is None:
        if file_format == "csv" and not matches(file, OWN_CSV):
            _reject_known_shop(file)
        return (convert if file_format == "csv" else None), replace(OWN_CSV, **given)
    if converter != "auto":
        chosen, layout = _load_converter(converter)
        return chosen, replace(layout, **given)
    for name, description in {"": "a CSV of orderkeep", **NAMES}.items():
        chosen, layout = _load_converter(name) if name else (convert, OWN_CSV)
        if matches(file, layout := replace(layout, **given)):
            output.say(f"the file was recognized as {description}")
            return chosen, layout
    detail = "the file was not recognized: select a converter with --from"
    raise failures.Failure(detail, failures.USAGE, "not_recognized")


def _reject_known_shop(file: IO[bytes]) -> None:
    for name, description in NAMES.items():
        if matches(file, _load_converter(name)[1]):
            detail = f"this is {description}"
            raise failures.Failure(detail, failures.USAGE, "converter_missing", hint=f"add --from {name}")


def _load_converter(name: str) -> tuple[Converter, Layout]:
    """Import a converter, also from the current directory, with the layout that its module sets."""
    name = name.lower() if name.lower() in NAMES else name
    module_name, _, function_name = f"{PACKAGE}.{name}:convert".partition(":") if name in NAMES else name.partition(":")
    if not (module_name and function_name):
        message = f"{name} is neither MODULE:FUNCTION nor one of auto, {', '.join(NAMES)}"
        raise click.BadParameter(message, param_hint="--from")
    sys.path.append(str(Path.cwd()))  # at the end: no file there replaces a module of Python
    try:
        module = import_module(module_name)
        return getattr(module, function_name), replace(getattr(module, "LAYOUT", Layout()))
    except Exception as error:
        detail = f"the converter {name} cannot be imported: {type(error).__name__}"
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            detail += f": modules are looked for in the current folder, {Path.cwd()}, and on the Python path"
        raise failures.Failure(detail, failures.USAGE, "converter_failed", hint=DEBUG_HINT) from error


@contextmanager
def _seekable(path: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file, or a copy of one that is not seekable, such as a pipe. Yield it and its size in bytes."""
    with ExitStack() as opened:
        file = opened.enter_context(click.open_file(path, "rb"))
        if path == "-" or not file.seekable():
            copy = opened.enter_context(SpooledTemporaryFile(MAX_IN_MEMORY))
            shutil.copyfileobj(file, copy)  # here, where Ctrl+C ends the waiting for a pipe: asyncio only notes it
            file = copy
        yield file, file.seek(0, os.SEEK_END)


def _write_temporary(file: IO[bytes], data: bytes) -> None:
    with output.writing(f"a temporary file in {gettempdir()}"):
        file.write(data)


class _OrderBuffer:
    """Keeps orders in a file until all are checked. `advance` is called with `size` in all while they are read."""

    def __init__(self, file: IO[bytes], size: int, advance: Progress) -> None:
        self._file, self._size, self._advance = file, size, advance
        self._encode = msgspec.json.Encoder().encode

    def append(self, order: CheckedOrder) -> None:
        _write_temporary(self._file, self._encode(order) + b"\n")

    def __iter__(self) -> Iterator[CheckedOrder]:
        decode, length = msgspec.json.Decoder(CheckedOrder).decode, self._file.tell()
        self._file.seek(0)

        def decoded(line: bytes) -> CheckedOrder:
            self._advance(self._size * len(line) // length)
            return decode(line)

        return map(decoded, self._file)


def _print_problems(
    report: ImportReport, name: str, rejects: str, has_our_columns: bool, options: ImportOptions
) -> None:
    for problem in report.problems:
        field = _column_of(problem.field) if has_our_columns else problem.field
        message = f"{field} {problem.message}" if field else problem.message
        click.echo(plain(f"{name}:{problem.line}: {message}"), err=True)
    if report.problem_count > len(report.problems):
        output.say(f"{report.problem_count - len(report.problems)} more errors not shown")
    if any(problem.code == "status_differs" for problem in report.problems):
        output.say("use --update to follow the status of orders that are stored already")
    if rejects:
        output.say(f"the orders with errors were not imported: fix and import {rejects}")
    elif report.problem_count:
        written = report.imported + report.updated
        is_whole_file = any(problem.code == "column_missing" for problem in report.problems)
        others = "" if report.incomplete or options.skip_invalid or is_whole_file else ", or use --skip-invalid"
        output.say(f"{'' if written else 'nothing was imported: '}fix these lines and run the import again{others}")


def _column_of(field: str) -> str:
    """Return the column of a field: `line_sku` of `lines/0/sku`, `shipping_city` of `shipping_address/city`."""
    part, _, name = field.partition("/")
    found = next((column for column, place in PERSONAL_COLUMNS.items() if place == (part, name)), None)
    return found or _LINE_FIELD.sub("line_", field)


def _facts(report: ImportReport) -> Iterator[tuple[str, object]]:
    yield "orders", report.orders
    yield "lines", report.lines
    yield from sorted(report.statuses.items())
    for currency, total in sorted(report.totals.items()):
        yield f"total {currency}", in_major_units(total, currency)
    for name in ("imported", "updated", "unchanged", "present"):
        yield name, getattr(report, name)
    yield "problems", report.problem_count


@command(
    "export",
    f"""
    All orders, or those that match the filters, newest first. The file is written atomically; without FILE, or with -,
    the orders are written to stdout, by default as jsonl.

    jsonl is one order per line, as JSON. csv is one row per order line, with amounts in minor units. Text that a
    spreadsheet would evaluate as a formula is prefixed with a single quote; import removes it. An export can be
    imported into another store. It contains the orders, but not their history or documents.

    With --excel, the CSV is for people and cannot be imported: amounts in major units, with a decimal comma; the
    amounts of an order in its first row only, so that a column adds up; times in UTC.

    With --to-documents, the file is written to the document store, which ORDERKEEP_DOCUMENTS selects. Prints its key,
    its size in bytes, the number of orders, and a link that is valid for 5 minutes if the document store supports it.

    {TIME_HELP}
    """,
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), required=False)
@format_option
@click.option("--excel", is_flag=True, help="Write a CSV for Excel: semicolons, and amounts such as 99,00.")
@click.option("--summary", is_flag=True, help="With --excel, write one row per order, without its lines.")
@click.option("--to-documents", is_flag=True, help="Write to the document store instead of FILE.")
@filter_options
def export_command(
    session: Session,
    file: str | None,
    format_name: str | None,
    where: OrderFilter,
    *,
    to_documents: bool,
    excel: bool,
    summary: bool,
) -> None:
    if to_documents and file is not None:
        raise click.UsageError("--to-documents cannot be combined with FILE: the file is named by its content.")
    if excel and not format_name and Path(file or "orders.csv").suffix.lower() not in (".csv", ""):
        raise click.UsageError("--excel writes a CSV file, which Excel opens: use a name that ends in .csv.")
    name = format_of(file or STDOUT, format_name, EXTENSIONS, default="csv" if excel else "jsonl")
    if excel and name != "csv":
        raise click.UsageError("--excel is for CSV files: use --format csv.")
    if summary and not excel:
        raise click.UsageError("--summary needs --excel.")
    chosen = for_excel(summary=summary) if excel else FORMATS[name]
    if to_documents:
        with output.progress("Exporting") as advance:
            exported = session.run(lambda do: do.export_to_document.execute(chosen, where, session.actor, advance))
        facts = [(name, getattr(exported, name)) for name in ("key", "size", "orders", "link")]
        output.write_facts(session, facts if exported.link else facts[:-1], exported)
    else:
        count = session.run(lambda do: _export(do, file or STDOUT, chosen, where, session.actor))
        if file not in (None, STDOUT):
            output.say(f"{count} {'order' if count == 1 else 'orders'} written to {file}")


async def _export(use_cases: UseCases, file: str, file_format: OrderFormat, where: OrderFilter, actor: Actor) -> int:
    """Write the orders to a file, and return their number."""
    count, on_screen = 0, file == STDOUT and sys.stdout.isatty()
    with output.output_file(file) as write, output.progress("Exporting", quiet=on_screen) as advance:
        write(file_format.beginning)
        async for order in use_cases.export_orders.execute(where, actor):
            write(file_format.order(order))
            count += 1
            advance(1)
    return count
