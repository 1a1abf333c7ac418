"""`orderkeep receipt` and `documents`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.use_cases.get_document import FoundDocument
from orderkeep.application.use_cases.issue_receipt import IssuedReceipt
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output, tables
from orderkeep.entrypoints.cli.commands import command
from orderkeep.entrypoints.cli.failures import USAGE, Failure
from orderkeep.entrypoints.cli.options import ORDER_ID, Choice, format_of, request_options, rows_help
from orderkeep.entrypoints.cli.output import STDOUT
from orderkeep.entrypoints.cli.session import Session
from orderkeep.entrypoints.envelopes import page_form

FILE = click.Path(dir_okay=False, allow_dash=True)
FORMAT = Choice(["html", "pdf"])
EXTENSIONS = {".html": "html", ".htm": "html", ".pdf": "pdf"}
VERSION_HELP = "Order version to show. Default: the last change to the order itself."


@command(
    "receipt",
    """
    The file is written atomically. If the receipt was issued before, the stored receipt is written again. Without -o,
    it is written to stdout or, on a terminal, to a file in the current directory such as receipt-ID-v1.html, for
    version 1 of the order.

    With --json, prints the JSON of the HTTP API, and writes a file only with -o. The receipt is also stored in the
    document store, which ORDERKEEP_DOCUMENTS selects. ORDERKEEP_SELLER is the seller on the receipt.
    """,
)
@ORDER_ID
@click.option("-o", "--output", "file", type=FILE, metavar="FILE", help="Output file; - for stdout.")
@click.option("--format", "given", type=FORMAT, help="File format. Default: from the file extension, or html.")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help=VERSION_HELP)
@request_options
def receipt_command(
    session: Session, order_id: str, file: str | None, given: str | None, version: int | None, request: CommandContext
) -> None:
    if file is not None and request.dry_run:
        raise click.UsageError("--dry-run cannot be combined with -o: it writes no file.")
    if file == STDOUT and session.as_json:
        raise click.UsageError("-o - cannot be combined with --json: both write to stdout.")
    if file == STDOUT and sys.stdout.isatty():
        raise click.UsageError("-o - requires redirected output: specify a file, or redirect stdout.")

    file_format = format_of(file or STDOUT, given, EXTENSIONS, default="html")

    async def issue(use_cases: UseCases, found: str) -> IssuedReceipt:
        issued = await use_cases.issue_receipt.execute(found, request, file_format=file_format, version=version)
        _warn_without_seller(session, issued, request)
        return issued

    async def issue_and_read(use_cases: UseCases, found: str) -> tuple[IssuedReceipt, FoundDocument]:
        issued = await issue(use_cases, found)
        return issued, await use_cases.get_document.execute(found, issued.document.id, session.actor)

    if request.dry_run:
        _write_metadata(session, session.run_on_order(order_id, issue))
    elif session.as_json and file is None:
        output.write_json(session.run_on_order(order_id, issue).document)
    else:
        issued, place = _write(file, lambda: session.run_on_order(order_id, issue_and_read))
        if place != STDOUT:
            before = " (issued before)" if issued.issued_before else ""
            output.say(f"wrote the receipt for version {issued.document.order_version}{before} to {place}")
        if session.as_json:
            output.write_json(issued.document)


def _warn_without_seller(session: Session, issued: IssuedReceipt, request: CommandContext) -> None:
    if not (issued.issued_before or session.as_json or session.remote_url or os.environ.get("ORDERKEEP_SELLER")):
        later = "" if request.dry_run else f", then issue another one with --version {issued.document.since_version}"
        output.say(f"the receipt has no seller: set ORDERKEEP_SELLER{later}")


def _write_metadata(session: Session, issued: IssuedReceipt) -> None:
    output.say_if_unchanged(issued.result)
    if output.wants_table(session):
        tables.print_facts((name, getattr(issued.document, name)) for name in tables.DOCUMENT_COLUMNS)
    else:
        output.write_json(issued.document)


def _write(file: str | None, issue: Callable[[], tuple[IssuedReceipt, FoundDocument]]) -> tuple[IssuedReceipt, str]:
    if file is None and sys.stdout.isatty():
        issued, found = issue()
        file, path = found.file_name, Path(found.file_name)
        if path.exists() and not (path.is_file() and path.read_bytes() == found.content):
            detail = f"{file} exists and is not this receipt"
            raise Failure(detail, USAGE, "file_exists", hint="write to another file with -o")
        with output.output_file(file) as write:
            write(found.content)
    else:
        file = file or STDOUT
        with output.output_file(file) as write:  # opened first: nothing is issued if the file cannot be written
            issued, found = issue()
            write(found.content)
    return issued, file


@command(
    "documents",
    f"Oldest first. `orderkeep receipt ID --version N` writes one to a file. {rows_help(tables.DOCUMENT_COLUMNS)}",
)
@ORDER_ID
def documents_command(session: Session, order_id: str) -> None:
    documents = session.run_on_order(order_id, lambda do, found: do.list_documents.execute(found, session.actor))
    columns = tables.DOCUMENT_COLUMNS
    rows = ([getattr(document, name) for name in columns] for document in documents)
    output.write_rows(session, columns, rows, page_form(list(documents), None))
    if output.wants_table(session):
        last = next((each.order_version for each in reversed(documents) if each.kind == "receipt"), None)
        output.say(
            f"to write one to a file, use `orderkeep receipt {order_id} --version {last}`"
            if last
            else "this order has no documents"
        )
