"""`orderkeep receipt` and `documents`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.use_cases.get_document import FoundDocument
from orderkeep.application.use_cases.issue_receipt import IssuedReceipt
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.failures import USAGE, Failure
from orderkeep.entrypoints.cli.options import TEXT, command, request_options
from orderkeep.entrypoints.cli.output_file import OutputFile
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session
from orderkeep.entrypoints.envelopes import page_form

STDOUT = "-"

FILE = click.Path(dir_okay=False, allow_dash=True)
FORMAT = click.Choice(["html", "pdf"])
VERSION_HELP = "Order version to show. Default: the last change to the order itself."


@command(
    "receipt",
    """
    The file is written atomically. If the receipt was issued before, the stored receipt is written again. Without -o,
    it is written to stdout or, on a terminal, to a file in the current directory such as receipt-1042-v1.html, for
    version 1 of order 1042.

    With --json, prints the JSON of the HTTP API, and writes a file only with -o. The receipt is also stored in the
    document store, which ORDERKEEP_DOCUMENTS selects. ORDERKEEP_SELLER is the seller on the receipt.
    """,
)
@click.argument("order_id", metavar="ID", type=TEXT)
@click.option("-o", "--output", "file", type=FILE, metavar="FILE", help="Output file; - for stdout.")
@click.option("--format", "file_format", type=FORMAT, default="html", help="File format. Default: html.")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help=VERSION_HELP)
@request_options
def receipt_command(
    session: Session, order_id: str, file: str | None, file_format: str, version: int | None, request: CommandContext
) -> None:
    _check_file(session, file, request)

    async def issue(use_cases: UseCases) -> IssuedReceipt:
        return await use_cases.issue_receipt.execute(order_id, request, file_format=file_format, version=version)

    async def issue_and_read(use_cases: UseCases) -> tuple[IssuedReceipt, FoundDocument]:
        issued = await issue(use_cases)
        return issued, await use_cases.get_document.execute(order_id, issued.document.id, CLI_ACTOR)

    if request.dry_run:
        output.write_result(session, session.run(issue).result, dry_run=True)
    elif session.as_json and file is None:
        output.write_json(session.run(issue).document)
    else:
        issued, place = _write(file, lambda: session.run(issue_and_read))
        if place != STDOUT:
            before = " (issued before)" if issued.replayed else ""
            output.say(f"wrote the receipt for version {issued.document.order_version}{before} to {place}")
        if session.as_json:
            output.write_json(issued.document)


def _check_file(session: Session, file: str | None, request: CommandContext) -> None:
    if file is not None and request.dry_run:
        raise click.UsageError("--dry-run cannot be combined with -o: it writes no file.")
    if file == STDOUT and session.as_json:
        raise click.UsageError("-o - cannot be combined with --json: both write to stdout.")
    if file == STDOUT and sys.stdout.isatty():
        raise click.UsageError("-o - requires redirected output: specify a file, or redirect stdout.")


def _write(file: str | None, issue: Callable[[], tuple[IssuedReceipt, FoundDocument]]) -> tuple[IssuedReceipt, str]:
    if file is None and sys.stdout.isatty():
        issued, found = issue()
        _check_free(found)
        with OutputFile(found.file_name) as target:
            target.write(found.content)
        return issued, found.file_name
    place = file or STDOUT
    with OutputFile(place) as target:  # opened first: nothing is issued if the file cannot be written
        issued, found = issue()
        target.write(found.content)
    return issued, place


def _check_free(found: FoundDocument) -> None:
    """Raise `Failure` if another file has the default name of the receipt."""
    path = Path(found.file_name)
    if path.exists() and not (path.is_file() and path.read_bytes() == found.content):
        detail = f"{found.file_name} exists and is not this receipt"
        raise Failure(detail, USAGE, "file_exists", hint="write to another file with -o")


@command(
    "documents",
    """
    Without a terminal, prints one tab-separated line for each document, oldest first, without a header: kind,
    order_version, media_type, size, created_at, id. With --json, prints the JSON of the HTTP API.

    `orderkeep receipt ID --version N` writes the receipt of a version to a file.
    """,
)
@click.argument("order_id", metavar="ID", type=TEXT)
def documents_command(session: Session, order_id: str) -> None:
    documents = session.run(lambda use_cases: use_cases.list_documents.execute(order_id, CLI_ACTOR))
    if session.as_json:
        output.write_json(page_form(list(documents), None))
    elif documents or not output.wants_table(session):
        columns = output.DOCUMENT_COLUMNS
        output.write_rows(session, columns, ([getattr(document, name) for name in columns] for document in documents))
    else:
        output.say("this order has no documents")
