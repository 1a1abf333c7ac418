"""`orderkeep export`."""

from __future__ import annotations

import sys
from typing import Any

import click

from orderkeep.application.ports import OrderFilter
from orderkeep.application.use_cases import ExportedDocument, ExportOrdersUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import filter_of, filter_options, format_option
from orderkeep.entrypoints.cli.progress import progress
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session


@command("export", ExportOrdersUseCase)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), required=False)
@format_option
@click.option("--to-documents", is_flag=True, help="Into a file where documents are kept, instead of FILE.")
@filter_options
def export_command(
    session: Session, file: str | None, format_name: str | None, *, to_documents: bool, **filters: Any
) -> None:
    """FILE appears when it is complete; without one, or as -, the orders go to stdout, by default as jsonl.

    jsonl is an order a line, as its JSON. csv is a row per order line, with amounts in minor units; a text that a
    spreadsheet would run as a formula stands behind a single quote, which import takes away again. What is exported
    can be imported into another store: the orders are equal there, and their history and documents begin anew.

    With --to-documents, the file goes to where ORDERKEEP_DOCUMENTS says. Prints its key there, its size in bytes, how
    many orders it holds, and a link that can be used for 5 minutes, where that place has links.
    """
    where = filter_of(filters)
    if not to_documents:
        _to_file(session, file or "-", format_name, where)
    elif file is None:
        _to_documents(session, format_name, where)
    else:
        raise click.UsageError("--to-documents names the file by what is in it: leave FILE away.")


def _to_file(session: Session, file: str, format_name: str | None, where: OrderFilter) -> None:
    from orderkeep.entrypoints.cli.export_file import Target
    from orderkeep.entrypoints.cli.formats import format_of
    from orderkeep.entrypoints.order_files.writing import FORMATS

    chosen = FORMATS[format_name or ("jsonl" if file == "-" else format_of(file))]
    on_screen = file == "-" and sys.stdout.isatty()

    async def run(use_cases: UseCases) -> int:
        count = 0
        with Target(file, is_text=True) as target, progress("Exporting", unit="orders", quiet=on_screen) as advance:
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
    from orderkeep.entrypoints.order_files.writing import FORMATS

    async def run(use_cases: UseCases) -> ExportedDocument:
        chosen = FORMATS[format_name or "jsonl"]
        return await use_cases.export_to_document.execute(chosen, where, CLI_ACTOR, advance)

    with progress("Exporting", unit="orders") as advance:
        exported = session.run(run)
    if session.as_json:
        output.write_json(exported)
        return
    facts = (("key", exported.key), ("size", exported.size), ("orders", exported.orders), ("link", exported.link))
    output.write_facts(session, [(name, value) for name, value in facts if value is not None])
