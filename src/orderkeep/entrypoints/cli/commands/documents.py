"""`orderkeep documents`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from orderkeep.application.use_cases import ListDocumentsUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.domain.value_objects import Document
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import TEXT
from orderkeep.entrypoints.cli.paging import ALL, Listing, print_list
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session

COLUMNS = ("kind", "order_version", "media_type", "size", "created_at", "id")


@command("documents", ListDocumentsUseCase)
@click.argument("order_id", metavar="ID", type=TEXT)
def documents_command(session: Session, order_id: str) -> None:
    """Without a terminal, prints a line for each document, with these values, separated by tabs and without a header:
    kind, order_version, media_type, size, created_at, id. With --json, prints what HTTP answers.

    `orderkeep receipt ID --version N` writes the receipt of a version to a file.
    """

    async def print_documents(use_cases: UseCases) -> None:
        async def fetch(size: int, cursor: str | None) -> tuple[Sequence[Document], str | None]:  # noqa: ARG001
            return await use_cases.list_documents.execute(order_id, CLI_ACTOR), None

        listing = Listing(COLUMNS, fetch, _row, output.encode, nothing="this order has no documents")
        await print_list(session, ALL, listing)

    session.run(print_documents)


def _row(document: Document) -> list[Any]:
    said = {name: getattr(document, name) for name in COLUMNS}
    said["created_at"] = document.created_at.isoformat().replace("+00:00", "Z")
    return list(said.values())
