"""`orderkeep export`."""

from __future__ import annotations

import sys

import click

from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases.export_to_document import ExportedDocument
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.options import command, filter_options, format_of, format_option
from orderkeep.entrypoints.cli.output_file import OutputFile
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session
from orderkeep.entrypoints.order_files.formats import FORMATS


@command(
    "export",
    """
    All orders, or those that match the filters, newest first. The file is written atomically; without FILE, or with -,
    the orders are written to stdout, by default as jsonl.

    jsonl is one order per line, as JSON. csv is one row per order line, with amounts in minor units. Text that a
    spreadsheet would evaluate as a formula is prefixed with a single quote; import removes it. An export can be
    imported into another store. It contains the orders, but not their history or documents.

    With --to-documents, the file is written to the document store, which ORDERKEEP_DOCUMENTS selects. Prints its key,
    its size in bytes, the number of orders, and a link that is valid for 5 minutes if the document store supports it.
    """,
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), required=False)
@format_option
@click.option("--to-documents", is_flag=True, help="Write to the document store instead of FILE.")
@filter_options
def export_command(
    session: Session, file: str | None, format_name: str | None, where: OrderFilter, *, to_documents: bool
) -> None:
    if not to_documents:
        _to_file(session, file or "-", format_name, where)
    elif file is None:
        _to_documents(session, format_name, where)
    else:
        raise click.UsageError("--to-documents cannot be combined with FILE: the file is named by its content.")


def _to_file(session: Session, file: str, format_name: str | None, where: OrderFilter) -> None:
    chosen = FORMATS[format_name or ("jsonl" if file == "-" else format_of(file))]
    on_screen = file == "-" and sys.stdout.isatty()

    async def run(use_cases: UseCases) -> int:
        count = 0
        with (
            OutputFile(file, is_text=True) as target,
            output.progress("Exporting", unit="orders", quiet=on_screen) as advance,
        ):
            target.write(chosen.beginning)
            async for order in use_cases.export_orders.execute(where, CLI_ACTOR):
                target.write(chosen.order(order))
                count += 1
                advance(1)
        return count

    count = session.run(run)
    if file != "-":
        output.say(f"{count} {'order' if count == 1 else 'orders'} written to {file}")


def _to_documents(session: Session, format_name: str | None, where: OrderFilter) -> None:
    async def run(use_cases: UseCases) -> ExportedDocument:
        chosen = FORMATS[format_name or "jsonl"]
        return await use_cases.export_to_document.execute(chosen, where, CLI_ACTOR, advance)

    with output.progress("Exporting", unit="orders") as advance:
        exported = session.run(run)
    if session.as_json:
        output.write_json(exported)
        return
    facts = (("key", exported.key), ("size", exported.size), ("orders", exported.orders), ("link", exported.link))
    output.write_facts(session, [(name, value) for name, value in facts if value is not None])
