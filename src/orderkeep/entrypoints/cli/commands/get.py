"""`orderkeep get`."""

from datetime import datetime

import click

from orderkeep.application.use_cases import GetOrderUseCase
from orderkeep.bootstrap import UseCases
from orderkeep.entrypoints.cli import output
from orderkeep.entrypoints.cli.command import command
from orderkeep.entrypoints.cli.options import INSTANT, TEXT
from orderkeep.entrypoints.cli.session import CLI_ACTOR, Session


@command("get", GetOrderUseCase)
@click.argument("order_id", metavar="ID", type=TEXT)
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="As it was at this version.")
@click.option("--at", type=INSTANT, help="As it was at this instant.")
def get_command(session: Session, order_id: str, version: int | None, at: datetime | None) -> None:
    """With --version or --at: as it was then. Prints the order's JSON, or a table on a terminal."""
    if version is not None and at is not None:
        raise click.UsageError("--version and --at cannot be used together: give one of them.")
    then = at if version is None else version

    async def get(use_cases: UseCases) -> bytes:
        if then is None:
            return (await use_cases.get_order.execute(order_id, CLI_ACTOR)).json
        return output.encode(await use_cases.get_order_at.execute(order_id, then, CLI_ACTOR))

    output.write_order(session, session.run(get))
