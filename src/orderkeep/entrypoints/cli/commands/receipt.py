"""`orderkeep receipt`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from orderkeep.application.change_order import CommandContext
from orderkeep.application.use_cases import FoundDocument, IssuedReceipt, IssueReceiptUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.failures import USAGE, Failure
from orderkeep.entrypoints.cli.options import TEXT, request_of, request_options
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

STDOUT = "-"

FILE = click.Path(dir_okay=False, allow_dash=True)


@command("receipt", IssueReceiptUseCase)
@click.argument("order_id", metavar="ID", type=TEXT)
@click.option("-o", "--output", "file", type=FILE, metavar="FILE", help="Where to write it; - is stdout.")
@click.option("--format", "file_format", type=click.Choice(["html", "pdf"]), default="html", help="html by default.")
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="Of the order as it was at this version.")
@request_options
def receipt_command(
    session: Session, order_id: str, file: str | None, file_format: str, version: int | None, **conditions: Any
) -> None:
    """FILE appears when it is complete. Without one, the receipt goes to stdout or, on a terminal, into this folder,
    as receipt-1042-v1.html for version 1 of order 1042. What was issued before is written again as it was.

    With --json, prints what HTTP answers, and writes a file only where -o names one. The receipt is also kept where
    ORDERKEEP_DOCUMENTS says, and names as the seller what ORDERKEEP_SELLER says.
    """
    request = request_of(**conditions)
    _check_file(session, file, request)

    async def issue(use_cases: UseCases) -> IssuedReceipt:
        return await use_cases.issue_receipt.execute(order_id, request, file_format=file_format, version=version)

    async def read(use_cases: UseCases) -> tuple[IssuedReceipt, FoundDocument]:
        issued = await issue(use_cases)
        return issued, await use_cases.get_document.execute(order_id, issued.document.id, CLI_ACTOR)

    if request.dry_run:
        output.write_result(session, session.run(issue).result, dry_run=True)
    elif session.as_json and file is None:
        output.write_json(session.run(issue).document)
    else:
        issued, place = _write(file, lambda: session.run(read))
        if place != STDOUT:
            before = ", issued before," if issued.replayed else ""
            output.say(f"the receipt of version {issued.document.order_version}{before} is in {place}")
        if session.as_json:
            output.write_json(issued.document)


def _check_file(session: Session, file: str | None, request: CommandContext) -> None:
    if file is not None and request.dry_run:
        raise click.UsageError("--dry-run writes no file: leave -o away.")
    if file == STDOUT and session.as_json:
        raise click.UsageError("-o - and --json both write to stdout: give -o a file, or leave one of them away.")
    if file == STDOUT and sys.stdout.isatty():
        raise click.UsageError("-o - is no use on a terminal: name a file, or send the receipt on with > or |.")


def _write(file: str | None, issue: Callable[[], tuple[IssuedReceipt, FoundDocument]]) -> tuple[IssuedReceipt, str]:
    from orderkeep.entrypoints.cli.export_file import Target

    if file is None and sys.stdout.isatty():
        issued, found = issue()
        _check_free(found)
        with Target(found.file_name) as target:
            target.write(found.content)
        return issued, found.file_name
    place = file or STDOUT
    with Target(place) as target:  # before anything is issued: it may not be possible to write there
        issued, found = issue()
        target.write(found.content)
    return issued, place


def _check_free(found: FoundDocument) -> None:
    """Raise `Failure` where another file has the name that the document would get by itself."""
    path = Path(found.file_name)
    if path.exists() and not (path.is_file() and path.read_bytes() == found.content):
        detail = f"{found.file_name} is there already, and is not this receipt"
        raise Failure(detail, USAGE, "file_exists", hint="name another file with -o")
